"""What goes wrong with the services during a soak: chosen by a seed, with a calm beginning and a calm end."""

from __future__ import annotations

import random

import attrs

# A trouble may outlast the 18 s that a source has: 5 s of each of them is about the length of one cycle.
_KINDS = {
    "hue": (
        "kind=dribble bytes=32 every=0.2",
        "kind=dribble bytes=4 every=1",
        "kind=reset",
        "kind=silence",
        "kind=half",
        "kind=unavailable",
        "kind=delay seconds=3",
        "kind=throttle retry_after=2",
        "kind=garbled",
        "kind=huge",
    ),
    "amazon": (
        "kind=dribble bytes=64 every=0.2",
        "kind=dribble bytes=4 every=1",
        "kind=reset",
        "kind=silence",
        "kind=half",
        "kind=unavailable",
        "kind=delay seconds=3",
        "kind=throttled-inside",
        "kind=stale-token count=1",
        "kind=html",
    ),
}


@attrs.frozen(kw_only=True)
class Trouble:
    """A fault of one service, as the simulated home takes it. Seconds count from the start of the soak."""

    source: str
    kind: str
    begins_s: float
    lasts_s: float

    @property
    def order(self) -> str:
        """The line for the home, where it begins at once."""
        return f"{self.source} for={self.lasts_s:.1f}s {self.kind}\n"


def troubles(*, seed: int, length_s: float, calm_s: float) -> tuple[Trouble, ...]:
    """Choose the troubles, in order: one after the other for each service.

    The first begins after `calm_s`, the last one ends `calm_s` before the end.
    """
    chance = random.Random(seed)  # noqa: S311 - troubles, not secrets
    found: list[Trouble] = []
    for source, kinds in _KINDS.items():
        begins_s, kinds_left = calm_s, list[str]()
        while begins_s < length_s - calm_s:
            if not kinds_left:
                kinds_left = chance.sample(kinds, len(kinds))
            lasts_s = min(chance.uniform(4, 25), length_s - calm_s - begins_s)
            found.append(Trouble(source=source, kind=kinds_left.pop(), begins_s=begins_s, lasts_s=lasts_s))
            begins_s += lasts_s + chance.uniform(6, 20)
    return tuple(sorted(found, key=lambda trouble: trouble.begins_s))
