"""What goes wrong in a simulation: chosen by a seed, with a calm beginning and a calm end."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import attrs

from adapters.simulator.simulation.effects import (
    Asleep,
    DriftingClock,
    Effect,
    EndedAccess,
    Fault,
    Killed,
    LockedDatabase,
    Moved,
    OnTwoBridges,
    Replaced,
    SetClock,
    SignedInAgain,
    StartedIn1970,
    Stopped,
    Unplugged,
)
from adapters.simulator.simulation.machine import (
    DamagedPage,
    DataAway,
    DeletedFiles,
    FullDisk,
    LogUnwritable,
    Part,
    ReplacedDatabase,
)

_WHILE_STOPPED_S = 60.0
DAYLIGHT_SAVING = "daylight-saving"  # nothing goes wrong around the days with 23 and 25 hours
SENSOR_ON_TWO_BRIDGES = "sensor-on-two-bridges"  # in a home of two bridges
_CALM_S = 3 * 3600.0  # long enough for the longest pause of a source, and for what follows it
_PER_DAY_BY_NAME = 4.0
_SLOT_S = 300.0
_STORM = 8  # times as often, and each kind daily
_ONE_CYCLE = (5.5, 9.0)  # minutes with one cycle or two
_DAYS = (1440.0, 4320.0)  # minutes


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of trouble: what it does, how often a day, and for how many minutes (least, most).

    Of one with faults of both services some troubles concern only one of them. `storm_per_day` is how often
    it comes in a storm, if that is not `_STORM` times as often, and at least daily. `incidents` are topics
    of incidents that it may call for; what the sources' cycles call for follows from the ledger. One that
    `begins_with_a_slot` meets its cycle.
    """

    effects: tuple[Effect, ...]
    per_day: float
    minutes: tuple[float, float]
    storm_per_day: float | None = None
    incidents: tuple[str, ...] = ()
    begins_with_a_slot: bool = False

    @property
    def in_storm(self) -> float:
        """Return how often a day it comes in a storm."""
        return max(_STORM * self.per_day, 1.0) if self.storm_per_day is None else self.storm_per_day

    @property
    def is_of_both(self) -> bool:
        """Return whether both services have faults."""
        return len({effect.source for effect in self.effects if isinstance(effect, Fault)}) > 1


def _faults(*, hue: str, amazon: str) -> tuple[Effect, ...]:
    return (Fault("hue", hue), Fault("amazon", amazon))


def _while_stopped(effect: Effect) -> tuple[Effect, ...]:
    return (Stopped(), Part(effect=effect, from_s=_WHILE_STOPPED_S))


# How often: docs/explanation/design.md names the reports of users that the rates come from.
KINDS: Mapping[str, Kind] = {
    "network-cut": Kind(effects=(Unplugged("hue"), Unplugged("amazon")), per_day=0.2, minutes=(2, 40)),
    "hue-dead-for-days": Kind(
        effects=(Unplugged("hue"),), per_day=1 / 90, minutes=_DAYS, storm_per_day=1 / 7
    ),
    "amazon-dead-for-days": Kind(
        effects=(Unplugged("amazon"),), per_day=1 / 90, minutes=_DAYS, storm_per_day=1 / 7
    ),
    "bridge-replaced": Kind(effects=(Replaced(),), per_day=1 / 180, minutes=(10, 240)),
    "bridge-moved": Kind(effects=(Moved("hue"),), per_day=1 / 30, minutes=_ONE_CYCLE),
    SENSOR_ON_TWO_BRIDGES: Kind(effects=(OnTwoBridges(),), per_day=0, minutes=(30, 240), storm_per_day=0),
    "hiccup": Kind(
        effects=_faults(hue="reset count=1", amazon="reset count=1"),
        per_day=2.0,
        minutes=_ONE_CYCLE,
    ),
    "throttled-once": Kind(
        effects=_faults(
            hue="throttle retry_after=2 count=1", amazon="throttle retry_after=2 count=1 path=/nexus"
        ),
        per_day=0.5,
        minutes=_ONE_CYCLE,
    ),
    "reset": Kind(effects=_faults(hue="reset", amazon="reset"), per_day=1.0, minutes=(0.5, 6)),
    "truncated": Kind(effects=_faults(hue="half", amazon="half"), per_day=0.3, minutes=(0.5, 6)),
    "unavailable": Kind(
        effects=_faults(hue="unavailable", amazon="unavailable"),
        per_day=1.0,
        minutes=(0.5, 15),
    ),
    "slow": Kind(
        effects=_faults(hue="delay seconds=2", amazon="delay seconds=2"), per_day=2.0, minutes=(5, 60)
    ),
    "slow-to-the-limit": Kind(
        effects=_faults(hue="delay seconds=5.5", amazon="delay seconds=9"), per_day=0.1, minutes=(5, 60)
    ),
    "silent": Kind(
        effects=_faults(hue="silence", amazon="silence"),
        per_day=0.3,
        minutes=(1, 15),
    ),
    "throttled": Kind(
        effects=_faults(hue="throttle retry_after=60", amazon="throttled-inside path=/nexus"),
        per_day=0.5,
        minutes=(2, 30),
    ),
    "throttled-without-wait": Kind(
        effects=_faults(hue="throttle", amazon="throttle path=/nexus"), per_day=0.5, minutes=(2, 30)
    ),
    "garbled": Kind(
        effects=_faults(hue="garbled", amazon="garbled path=/nexus"),
        per_day=0.2,
        minutes=(1, 15),
    ),
    "dripping": Kind(
        effects=_faults(hue="dribble bytes=4 every=1", amazon="dribble bytes=4 every=1"),
        per_day=0.1,
        minutes=(1, 15),
    ),
    "key-revoked": Kind(
        effects=(Fault("hue", "revoked"),),
        per_day=1 / 60,
        minutes=(90, 240),
    ),
    "token-expired": Kind(
        effects=(EndedAccess(),),
        per_day=0.5,
        minutes=_ONE_CYCLE,
    ),
    "token-refused": Kind(
        effects=(Fault("amazon", "refused-token"), EndedAccess()),
        per_day=1 / 60,
        minutes=(90, 240),  # longer than a pause after other failures
    ),
    "token-replaced": Kind(effects=(SignedInAgain(),), per_day=1 / 30, minutes=(30, 300)),
    "stopped": Kind(effects=(Stopped(),), per_day=0.3, minutes=(0.2, 30)),
    "killed": Kind(effects=(Killed(),), per_day=0.3, minutes=_ONE_CYCLE),
    "database-busy": Kind(
        effects=(LockedDatabase(is_short=True),),
        per_day=1.0,
        minutes=(0.01, 0.05),
        begins_with_a_slot=True,
    ),
    "database-locked": Kind(effects=(LockedDatabase(),), per_day=0.5, minutes=(0.1, 20)),
    "disk-full": Kind(
        effects=(FullDisk(64 * 1024),),
        per_day=1 / 60,
        minutes=(10, 240),
        incidents=("no_backup",),
        storm_per_day=0,
    ),
    "no-room": Kind(
        effects=(FullDisk(4096),),
        per_day=1 / 60,
        minutes=(10, 240),
        incidents=("no_backup",),
        storm_per_day=0,
    ),
    "data-away": Kind(
        effects=(DataAway(),),
        per_day=1 / 60,
        minutes=(2, 120),
        incidents=("database_missing",),
        storm_per_day=0,
    ),
    "data-away-at-start": Kind(
        effects=(
            Part(effect=Stopped(), until_s=2 * _WHILE_STOPPED_S),
            Part(effect=DataAway(), from_s=_WHILE_STOPPED_S),
        ),
        per_day=1 / 60,
        minutes=(10, 120),
        incidents=("database_missing", "no_backup"),
        storm_per_day=0,
    ),
    "database-missing": Kind(
        effects=(DeletedFiles(("",)),),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_missing",),
        storm_per_day=0,
    ),
    "database-missing-at-start": Kind(
        effects=_while_stopped(DeletedFiles()),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_missing",),
        storm_per_day=0,
    ),
    "database-replaced-at-start": Kind(
        effects=_while_stopped(ReplacedDatabase()),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        storm_per_day=0,
    ),
    "database-emptied-at-start": Kind(
        effects=_while_stopped(ReplacedDatabase(is_empty=True)),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_aside", "database_damaged"),
        storm_per_day=0,
    ),
    "database-replaced": Kind(
        effects=(ReplacedDatabase(),),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_missing",),
        storm_per_day=0,
    ),
    "database-overwritten": Kind(
        effects=(ReplacedDatabase(is_in_place=True),),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_missing", "database_aside"),
        storm_per_day=0,
    ),
    "database-emptied": Kind(
        effects=(ReplacedDatabase(is_empty=True),),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_missing",),
        storm_per_day=0,
    ),
    "wal-deleted": Kind(
        effects=(DeletedFiles(("-wal",)),),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        incidents=("database_log_lost",),
        storm_per_day=0,
    ),
    "damaged-page": Kind(
        effects=(DamagedPage(),),
        per_day=1 / 60,
        minutes=(12, 30),
        incidents=("database_missing", "database_aside", "database_damaged"),
        storm_per_day=0,
    ),
    "damaged-page-at-start": Kind(
        effects=(
            Part(effect=Stopped(), until_s=2 * _WHILE_STOPPED_S),
            Part(effect=DamagedPage(), from_s=_WHILE_STOPPED_S),
        ),
        per_day=1 / 60,
        minutes=(12, 30),
        incidents=("database_missing", "database_aside", "database_damaged"),
        storm_per_day=0,
    ),
    "log-unwritable": Kind(effects=(LogUnwritable(),), per_day=1 / 60, minutes=(2, 120)),
    "clock-forward": Kind(
        effects=(SetClock(),), per_day=1 / 60, minutes=(5, 240), incidents=("clock_stepped",)
    ),
    "clock-back": Kind(
        effects=(SetClock(is_back=True),), per_day=1 / 60, minutes=(5, 240), incidents=("clock_stepped",)
    ),
    "clock-drift": Kind(
        effects=(DriftingClock(),), per_day=1 / 60, minutes=(60, 240), incidents=("clock_stepped",)
    ),
    "start-1970": Kind(
        effects=(StartedIn1970(),), per_day=1 / 60, minutes=(2, 30), incidents=("clock_stepped",)
    ),
    "asleep": Kind(effects=(Asleep(),), per_day=1 / 60, minutes=(10, 480)),
}


@attrs.frozen(kw_only=True)
class Trouble:
    """One trouble. Seconds count from the start of the simulation."""

    name: str
    begins_s: float
    lasts_s: float
    only: str | None = None  # the one service that it concerns, if its kind has faults of both

    @property
    def effects(self) -> Sequence[Effect]:
        """Return what it does."""
        return [
            effect
            for effect in KINDS[self.name].effects
            if not isinstance(effect, Fault) or self.only in (None, effect.source)
        ]

    @property
    def incidents(self) -> Sequence[str]:
        """Return the topics of incidents that it may call for."""
        return KINDS[self.name].incidents

    @property
    def ends_s(self) -> float:
        return self.begins_s + self.lasts_s


def troubles(faults: str, *, days: float, seed: int) -> tuple[Trouble, ...]:
    """Return the troubles of a simulation in their order: `ordinary`, `storm`, or of one kind; else none.

    Those of one kind do not overlap.
    """
    chosen: dict[str, float] = {}
    if faults == "ordinary":
        chosen = {name: kind.per_day for name, kind in KINDS.items() if kind.per_day}
    elif faults == "storm":
        chosen = {name: kind.in_storm for name, kind in KINDS.items() if kind.in_storm}
    elif faults in KINDS:
        chosen = {faults: _PER_DAY_BY_NAME}
    ends_s = days * 86_400 - _CALM_S
    found: list[Trouble] = []
    for name, per_day in chosen.items():
        chance = random.Random(f"{seed} {name}")  # noqa: S311 - troubles, not secrets
        which = random.Random(f"{seed} {name} only")  # noqa: S311
        begins_s = _CALM_S / 3 + chance.expovariate(per_day / 86_400)
        while begins_s < ends_s:
            lasts_s = min(60 * chance.uniform(*KINDS[name].minutes), ends_s - begins_s)
            only = which.choice((None, "hue", "amazon")) if KINDS[name].is_of_both else None
            if KINDS[name].begins_with_a_slot:
                begins_s -= begins_s % _SLOT_S
            found.append(Trouble(name=name, begins_s=begins_s, lasts_s=lasts_s, only=only))
            begins_s += lasts_s + chance.expovariate(per_day / 86_400)
    return tuple(sorted(found, key=lambda trouble: (trouble.begins_s, trouble.name)))
