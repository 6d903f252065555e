"""What the clocks show between two looks: that the machine slept, or that its wall clock was set."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from domain.cycle import Cause

STEP_NOTICED = timedelta(minutes=1)  # a smaller step back is a time service's, and nothing to report
_GAIN_NOTICED = timedelta(seconds=5)


@attrs.frozen(kw_only=True)
class ClockLook:
    """The clocks at one instant: the wall clock, the seconds awake, and those with sleep, if known."""

    now: datetime
    elapsed_s: float
    elapsed_asleep_s: float | None = None


@attrs.frozen(kw_only=True)
class ClockChange:
    """What happened between two looks. `stepped` is by how much the wall clock was set, negative for back.

    Where sleep is not known, a gain of the wall clock counts as sleep. `cause` is that of slots between.
    """

    stepped: timedelta
    asleep: timedelta

    @property
    def cause(self) -> Cause:
        if self.stepped > max(_GAIN_NOTICED, self.asleep) or self.stepped < -STEP_NOTICED:
            return Cause.CLOCK_STEPPED
        return Cause.ASLEEP if self.asleep > _GAIN_NOTICED else Cause.OVERRUN

    @property
    def is_notable(self) -> bool:
        """Whether the wall clock was set by more than a minute."""
        return abs(self.stepped) > STEP_NOTICED


def passed_between(before: ClockLook, after: ClockLook) -> timedelta:
    """Return the time that has passed between the looks, with sleep, if that is known.

    A clock that counts sleep and shows less than the stopwatch is set with the wall clock, as under some
    simulators, and does not count.
    """
    awake = timedelta(seconds=after.elapsed_s - before.elapsed_s)
    if before.elapsed_asleep_s is None or after.elapsed_asleep_s is None:
        return awake
    return max(awake, timedelta(seconds=after.elapsed_asleep_s - before.elapsed_asleep_s))


def change_between(before: ClockLook, after: ClockLook) -> ClockChange:
    """Return what happened between the looks."""
    passed = passed_between(before, after)
    asleep = passed - timedelta(seconds=after.elapsed_s - before.elapsed_s)
    stepped = after.now - before.now - passed
    if after.elapsed_asleep_s is None and stepped > timedelta():
        return ClockChange(stepped=timedelta(), asleep=stepped)
    return ClockChange(stepped=stepped, asleep=asleep)
