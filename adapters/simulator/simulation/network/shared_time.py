"""Virtual time for two processes with real sockets between them.

The process of the simulated home leads, that of the collector follows. Time moves on only when both wait and
nothing is on its way between them. On loopback what was written has arrived before the writer goes on, so it
is enough to ask the other process whether it waits: its answer comes behind all that it has sent.
"""

from __future__ import annotations

import math
import selectors
import struct
from multiprocessing.connection import Connection

from adapters.runtime.virtual_time import VirtualClock

_QUESTION = struct.Struct("=Q3d")  # its number, and the state of the clock
_ANSWER = struct.Struct("=Qd")  # the number of the question, and the instant of the next timer
_LONGEST_ANSWER_S = 120.0  # of a process on a busy machine; in real time
Events = list[tuple[selectors.SelectorKey, int]]


class LeadingSelector(selectors.DefaultSelector):
    """Moves the clock when this process waits, and the one that follows waits too, if there is one."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self._follower: Connection | None = None
        self._number = 0

    def lead(self, follower: Connection) -> None:
        """Let time stand still whenever the process at the other end works; until that process ends."""
        self._follower = follower
        self.register(follower, selectors.EVENT_READ)

    def select(self, timeout: float | None = None) -> Events:
        ready = super().select(0)
        if ready and self._follower is not None:
            ready = self._without_answers(ready)
        if ready or timeout == 0:
            return ready
        timer_s = _instant_s(self._clock, timeout)
        if self._follower is not None:
            self._ask()
            answer_s = self._await_answer()
            if answer_s is None:
                return []
            timer_s = min(timer_s, answer_s)
        if timer_s == math.inf:
            raise RuntimeError("every task waits for something that no timer and no task will bring")
        self._clock.advance(max(timer_s - self._clock.elapsed_s(), 0.0))
        self._ask()  # so that the follower has the new time before anything that is sent at that time
        return []

    def _ask(self) -> None:
        """Show the follower the time, and ask whether it waits."""
        self._number += 1
        if self._follower is not None:
            try:
                self._follower.send_bytes(_QUESTION.pack(self._number, *self._clock.state()))
            except OSError:
                self._leave()

    def _await_answer(self) -> float | None:
        """Return the follower's next timer; None if there is something to do first."""
        while self._follower is not None:
            events = super().select(_LONGEST_ANSWER_S)
            if not events:
                raise RuntimeError(f"the collector's process works for {_LONGEST_ANSWER_S:.0f} s")
            if self._without_answers(events):
                return None
            try:
                number, timer_s = _ANSWER.unpack(self._follower.recv_bytes())
            except (OSError, EOFError):
                self._leave()
            else:
                if number == self._number:
                    return float(timer_s)
        return None

    def _without_answers(self, events: Events) -> Events:
        return [event for event in events if event[0].fileobj is not self._follower]

    def _leave(self) -> None:
        """Go on alone: the process at the other end has ended."""
        if self._follower is not None:
            self.unregister(self._follower)
            self._follower.close()
            self._follower = None


class FollowingSelector(selectors.DefaultSelector):
    """Waits until the leader moves the clock, or something is ready. Raise EOFError when the leader ends."""

    def __init__(self, clock: VirtualClock, leader: Connection) -> None:
        super().__init__()
        self._clock = clock
        self._leader = leader
        self._question: int | None = None
        self.register(leader, selectors.EVENT_READ)

    def select(self, timeout: float | None = None) -> Events:
        timer_s = _instant_s(self._clock, timeout)
        while True:
            self._read_questions()
            ready = [event for event in super().select(0) if event[0].fileobj is not self._leader]
            if ready or self._clock.elapsed_s() >= timer_s:
                return ready
            if self._question is not None:
                self._leader.send_bytes(_ANSWER.pack(self._question, timer_s))
                self._question = None
            super().select()

    def _read_questions(self) -> None:
        while self._leader.poll():
            self._question, *state = _QUESTION.unpack(self._leader.recv_bytes())
            self._clock.show((state[0], state[1], state[2]))


def _instant_s(clock: VirtualClock, timeout: float | None) -> float:
    return math.inf if timeout is None else clock.elapsed_s() + timeout
