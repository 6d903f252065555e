"""An account that is signed in to as it was told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from domain.errors import SourceError
from ports.account_linking import CodePair, Linked, Pending, Refused


class MemoryAccountLinking:
    """Each poll takes the next answer; an error is raised. Nobody types anything when they run out."""

    def __init__(self, answers: Iterable[Pending | Linked | Refused | SourceError] = ()) -> None:
        self._answers = deque(answers)
        self.polls = 0

    def will_answer(self, *answers: Pending | Linked | Refused | SourceError) -> None:
        """Add answers after those that are still to come."""
        self._answers.extend(answers)

    async def begin(self) -> CodePair:
        return CodePair(
            public_code="ABC123",
            private_code="kept between us",
            page="https://www.amazon.com/code",
            expires_in_s=600.0,
            interval_s=3.0,
        )

    async def poll(self, pair: CodePair) -> Pending | Linked | Refused:  # noqa: ARG002 - there is only one
        self.polls += 1
        answer = self._answers.popleft() if self._answers else Pending()
        if isinstance(answer, SourceError):
            raise answer
        return answer
