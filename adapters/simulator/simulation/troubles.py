"""What goes wrong in a simulation: chosen by a seed, with a calm beginning and a calm end."""

from __future__ import annotations

import random
from collections.abc import Mapping

import attrs

from adapters.simulator.simulation.effects import (
    Asleep,
    Effect,
    EndedAccess,
    Fault,
    Killed,
    LockedDatabase,
    SetClock,
    StartedIn1970,
    Stopped,
    Unplugged,
)

DAYLIGHT_SAVING = "daylight-saving"  # nothing goes wrong around the days with 23 and 25 hours
_CALM_S = 3 * 3600.0  # long enough for the longest pause of a source, and for what follows it
_PER_DAY_BY_NAME = 4.0
_STORM = 8  # times as often, and each kind daily
_ONE_CYCLE = (5.5, 9.0)  # minutes with one cycle or two


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of trouble: what it does, how often a day, and for how many minutes (least, most).

    `causes` are those of the ledger that are right while it lasts, by source; slots that the clock jumped
    over have its own. Without one the readings of the source must be stored nevertheless. One that
    `is_short` affects a single request: a retry mends it, unless there is another trouble at that time.
    """

    effects: tuple[Effect, ...]
    per_day: float
    minutes: tuple[float, float]
    causes: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    is_short: bool = False


def _faults(*, hue: str, amazon: str) -> tuple[Effect, ...]:
    return (Fault("hue", hue), Fault("amazon", amazon))


def _both(*causes: str) -> Mapping[str, frozenset[str]]:
    return {"hue": frozenset(causes), "amazon": frozenset(causes)}


# How often: a home network is cut some times a month, a service is short of breath daily, and a token is
# refused about once in two months. A clock is set by hand or after a power cut, and a machine that should
# stay on sleeps when somebody closes its lid: some times a year.
KINDS: Mapping[str, Kind] = {
    "network-cut": Kind(effects=(Unplugged(),), per_day=0.2, minutes=(2, 40), causes=_both("network")),
    "hiccup": Kind(
        effects=_faults(hue="reset count=1", amazon="reset count=1"),
        per_day=2.0,
        minutes=_ONE_CYCLE,
        causes=_both("network"),
        is_short=True,
    ),
    "throttled-once": Kind(
        effects=_faults(
            hue="throttle retry_after=2 count=1", amazon="throttle retry_after=2 count=1 path=/nexus"
        ),
        per_day=0.5,
        minutes=_ONE_CYCLE,
        causes=_both("throttled"),
        is_short=True,
    ),
    "reset": Kind(
        effects=_faults(hue="reset", amazon="reset"), per_day=1.0, minutes=(0.5, 6), causes=_both("network")
    ),
    "truncated": Kind(
        effects=_faults(hue="half", amazon="half"), per_day=0.3, minutes=(0.5, 6), causes=_both("network")
    ),
    "unavailable": Kind(
        effects=_faults(hue="unavailable", amazon="unavailable"),
        per_day=1.0,
        minutes=(0.5, 15),
        causes=_both("network"),
    ),
    "slow": Kind(
        effects=_faults(hue="delay seconds=2", amazon="delay seconds=2"), per_day=2.0, minutes=(5, 60)
    ),
    "silent": Kind(
        effects=_faults(hue="silence", amazon="silence"),
        per_day=0.3,
        minutes=(1, 15),
        causes=_both("network", "out_of_time"),
    ),
    "throttled": Kind(
        effects=_faults(hue="throttle retry_after=60", amazon="throttled-inside path=/nexus"),
        per_day=0.5,
        minutes=(2, 30),
        causes=_both("throttled"),
    ),
    "garbled": Kind(
        effects=_faults(hue="garbled", amazon="garbled path=/nexus"),
        per_day=0.2,
        minutes=(1, 15),
        causes={"hue": frozenset({"garbled"})},
    ),
    "dripping": Kind(
        effects=_faults(hue="dribble bytes=4 every=1", amazon="dribble bytes=4 every=1"),
        per_day=0.1,
        minutes=(1, 15),
        causes=_both("network", "out_of_time"),
    ),
    "key-revoked": Kind(
        effects=(Fault("hue", "revoked"),),
        per_day=1 / 60,
        minutes=(90, 240),
        causes={"hue": frozenset({"credentials"})},
    ),
    "token-expired": Kind(
        effects=(EndedAccess(),),
        per_day=0.5,
        minutes=_ONE_CYCLE,
        causes={"amazon": frozenset({"credentials"})},
        is_short=True,
    ),
    "token-refused": Kind(
        effects=(Fault("amazon", "refused-token"), EndedAccess()),
        per_day=1 / 60,
        minutes=(90, 240),  # longer than a pause after other failures
        # a single refusal is not believed
        causes={"amazon": frozenset({"network", "credentials"})},
    ),
    "stopped": Kind(effects=(Stopped(),), per_day=0.3, minutes=(0.2, 30), causes=_both("stopped")),
    "killed": Kind(
        effects=(Killed(),), per_day=0.3, minutes=_ONE_CYCLE, causes=_both("interrupted", "stopped")
    ),
    "database-locked": Kind(effects=(LockedDatabase(),), per_day=0.5, minutes=(0.1, 20)),
    "clock-forward": Kind(effects=(SetClock(),), per_day=1 / 60, minutes=(5, 240)),
    "clock-back": Kind(effects=(SetClock(is_back=True),), per_day=1 / 60, minutes=(5, 240)),
    "start-1970": Kind(effects=(StartedIn1970(),), per_day=1 / 60, minutes=(2, 30), causes=_both("stopped")),
    "asleep": Kind(effects=(Asleep(),), per_day=1 / 60, minutes=(10, 480)),
}


@attrs.frozen(kw_only=True)
class Trouble:
    """One trouble. Seconds count from the start of the simulation."""

    name: str
    begins_s: float
    lasts_s: float

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def ends_s(self) -> float:
        return self.begins_s + self.lasts_s


def troubles(faults: str, *, days: float, seed: int) -> tuple[Trouble, ...]:
    """Return the troubles of a simulation in their order: `ordinary`, `storm`, or of one kind; else none.

    Those of one kind do not overlap.
    """
    chosen: dict[str, float] = {}
    if faults == "ordinary":
        chosen = {name: kind.per_day for name, kind in KINDS.items()}
    elif faults == "storm":
        chosen = {name: max(_STORM * kind.per_day, 1.0) for name, kind in KINDS.items()}
    elif faults in KINDS:
        chosen = {faults: _PER_DAY_BY_NAME}
    ends_s = days * 86_400 - _CALM_S
    found: list[Trouble] = []
    for name, per_day in chosen.items():
        chance = random.Random(f"{seed} {name}")  # noqa: S311 - troubles, not secrets
        begins_s = _CALM_S / 3 + chance.expovariate(per_day / 86_400)
        while begins_s < ends_s:
            lasts_s = min(60 * chance.uniform(*KINDS[name].minutes), ends_s - begins_s)
            found.append(Trouble(name=name, begins_s=begins_s, lasts_s=lasts_s))
            begins_s += lasts_s + chance.expovariate(per_day / 86_400)
    return tuple(sorted(found, key=lambda trouble: (trouble.begins_s, trouble.name)))
