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
from adapters.simulator.simulation.machine import (
    DataAway,
    DeletedFiles,
    FullDisk,
    LogUnwritable,
    Part,
    ReplacedDatabase,
)

_WHILE_STOPPED_S = 60.0
DAYLIGHT_SAVING = "daylight-saving"  # nothing goes wrong around the days with 23 and 25 hours
_CALM_S = 3 * 3600.0  # long enough for the longest pause of a source, and for what follows it
_PER_DAY_BY_NAME = 4.0
_STORM = 8  # times as often, and each kind daily
_STORM_DESTROYS = 0.2  # a day
_ONE_CYCLE = (5.5, 9.0)  # minutes with one cycle or two


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of trouble: what it does, how often a day, and for how many minutes (least, most).

    `causes` are those of the ledger that are right while it lasts, by source; slots that the clock jumped
    over have its own. Without one the readings of the source must be stored nevertheless. One that
    `is_short` affects a single request: a retry mends it, unless there is another trouble at that time. One
    that `destroys` what is stored is rare in a storm too, in which little would be left to count.
    """

    effects: tuple[Effect, ...]
    per_day: float
    minutes: tuple[float, float]
    causes: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    is_short: bool = False
    destroys: bool = False

    @property
    def per_day_in_storm(self) -> float:
        return _STORM_DESTROYS if self.destroys else max(_STORM * self.per_day, 1.0)


def _faults(*, hue: str, amazon: str) -> tuple[Effect, ...]:
    return (Fault("hue", hue), Fault("amazon", amazon))


def _both(*causes: str) -> Mapping[str, frozenset[str]]:
    return {"hue": frozenset(causes), "amazon": frozenset(causes)}


def _while_stopped(effect: Effect) -> tuple[Effect, ...]:
    return (Stopped(), Part(effect=effect, from_s=_WHILE_STOPPED_S))


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
    "disk-full": Kind(effects=(FullDisk(64 * 1024),), per_day=1 / 60, minutes=(10, 240)),
    "no-room": Kind(effects=(FullDisk(4096),), per_day=1 / 60, minutes=(10, 240)),
    "data-away": Kind(effects=(DataAway(),), per_day=1 / 60, minutes=(2, 120)),
    "data-away-at-start": Kind(
        effects=(
            Part(effect=Stopped(), until_s=2 * _WHILE_STOPPED_S),
            Part(effect=DataAway(), from_s=_WHILE_STOPPED_S),
        ),
        per_day=1 / 60,
        minutes=(10, 120),
        causes=_both("stopped"),
    ),
    "database-missing": Kind(effects=(DeletedFiles(("",)),), per_day=1 / 60, minutes=_ONE_CYCLE),
    "database-missing-at-start": Kind(
        effects=_while_stopped(DeletedFiles()),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        causes=_both("stopped"),
        destroys=True,
    ),
    "database-replaced-at-start": Kind(
        effects=_while_stopped(ReplacedDatabase()),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        causes=_both("stopped"),
        destroys=True,
    ),
    "database-emptied-at-start": Kind(
        effects=_while_stopped(ReplacedDatabase(is_empty=True)),
        per_day=1 / 60,
        minutes=_ONE_CYCLE,
        causes=_both("stopped"),
        destroys=True,
    ),
    "database-replaced": Kind(effects=(ReplacedDatabase(),), per_day=1 / 60, minutes=_ONE_CYCLE),
    "database-emptied": Kind(effects=(ReplacedDatabase(is_empty=True),), per_day=1 / 60, minutes=_ONE_CYCLE),
    "wal-deleted": Kind(effects=(DeletedFiles(("-wal",)),), per_day=1 / 60, minutes=_ONE_CYCLE),
    "log-unwritable": Kind(effects=(LogUnwritable(),), per_day=1 / 60, minutes=(2, 120)),
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
        chosen = {name: kind.per_day_in_storm for name, kind in KINDS.items()}
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
