"""What the service has of the monitors at one instant, as the faults that a request meets want it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property

import attrs

from adapters.simulator.alexa_effects import (
    FailedFeatures,
    MissingFeatures,
    MonitorGone,
    MonitorUnreachable,
    SkewedClock,
    StaleSamples,
)
from adapters.simulator.amazon.monitors import RANGE_INSTANCES, Monitor, monitors
from adapters.simulator.amazon.samples import Sample, is_reachable, last_heard_s, sample_at
from adapters.simulator.faults import Effect, NoDates, NullTemperatures
from domain.reading import Quantity
from domain.values import frozen

CELSIUS = "CELSIUS"


@frozen(kw_only=True, slots=False)
class View:
    """`scale` is the one in which the account wants temperatures."""

    seed: int
    now: datetime
    effects: Sequence[Effect] = ()
    scale: str = CELSIUS

    @cached_property
    def monitors(self) -> Sequence[Monitor]:
        """Those that the account has."""
        gone = [effect.where for effect in self.effects if isinstance(effect, MonitorGone)]
        return [
            monitor for monitor in monitors(self.seed) if not any(monitor.is_called(where) for where in gone)
        ]

    def sample(self, monitor: Monitor, quantity: Quantity) -> Sample:
        """What the service has of the quantity."""
        as_of_s = self.now.timestamp()
        skew_s = 0.0
        for effect in self.effects:
            match effect:
                case StaleSamples(by_s, where) if monitor.is_called(where):
                    as_of_s -= by_s
                case MonitorUnreachable(since_s, where) if monitor.is_called(where):
                    as_of_s -= since_s
                case SkewedClock(by_s, where) if monitor.is_called(where):
                    skew_s += by_s
        sample = sample_at(self.seed, monitor, quantity, as_of_s)
        if not skew_s:
            return sample
        ahead = timedelta(seconds=skew_s)
        return attrs.evolve(sample, at=sample.at + ahead, changed_at=sample.changed_at + ahead)

    def temperature(self, monitor: Monitor) -> float | None:
        """The temperature in the account's scale; None where there is no value."""
        for effect in self.effects:
            if isinstance(effect, NullTemperatures) and monitor.is_called(effect.where):
                return None
        celsius = self.sample(monitor, Quantity.TEMPERATURE).value
        match self.scale:
            case "FAHRENHEIT":
                return round(celsius * 1.8 + 32, 2)
            case "KELVIN":
                return round(celsius + 273.15, 2)
        return celsius

    def is_reachable(self, monitor: Monitor) -> bool:
        """Whether the service reaches it."""
        for effect in self.effects:
            if isinstance(effect, MonitorUnreachable) and monitor.is_called(effect.where):
                return False
        return is_reachable(self.seed, monitor, self.now.timestamp())

    def heard_at(self, monitor: Monitor) -> datetime:
        """When the service last looked whether it reaches the monitor, or since when it does not."""
        heard_s = last_heard_s(self.seed, monitor, self.now.timestamp())
        return datetime.fromtimestamp(heard_s, self.now.tzinfo)

    def has_times(self) -> bool:
        """Whether samples say when they were true."""
        return not any(isinstance(effect, NoDates) for effect in self.effects)

    def has(self, monitor: Monitor, feature: str) -> bool:
        """Whether the feature is in the reply."""
        return not _names(self.effects, MissingFeatures, monitor, feature)

    def error_of(self, monitor: Monitor, feature: str) -> str:
        """The type of the error in the place of the feature's value; empty where there is none."""
        for effect in self.effects:
            if isinstance(effect, FailedFeatures) and _names([effect], FailedFeatures, monitor, feature):
                return effect.type
        return ""


def feature_name(quantity: Quantity) -> str:
    """How faults call the feature that holds a quantity."""
    if quantity is Quantity.TEMPERATURE:
        return "temperatureSensor"
    return f"range:{RANGE_INSTANCES[quantity]}"


def _names(
    effects: Iterable[Effect],
    kind: type[MissingFeatures | FailedFeatures],
    monitor: Monitor,
    feature: str,
) -> bool:
    return any(
        isinstance(effect, kind) and monitor.is_called(effect.where) and feature in effect.names
        for effect in effects
    )
