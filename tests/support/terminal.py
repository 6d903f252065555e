"""People in front of the program: one at a real terminal, one who gives prepared answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pexpect

from entrypoints.terminal.prompts import Prompts
from tests.support.deployments import Deployment

_TIMEOUT_S = 50.0


class Terminal:
    """One run of the program."""

    def __init__(self, child: pexpect.spawn[str]) -> None:
        self._child = child
        self.output = ""

    def expect(self, pattern: str) -> str:
        """Return the output up to the first match of a regular expression; fail when it does not come."""
        self._child.expect(pattern)
        seen = f"{self._child.before}{self._child.after}"
        self.output += seen
        return seen

    def type_line(self, line: str) -> None:
        self._child.sendline(line)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._child.sendintr()

    def wait(self) -> int:
        """Wait for the end and return the exit code; the whole output is in `output`."""
        self._child.expect(pexpect.EOF)
        self.output += self._child.before or ""
        self._child.wait()
        code = self._child.exitstatus
        assert code is not None, f"ended by signal {self._child.signalstatus}: {self.output}"
        return int(code)


@contextmanager
def at_a_terminal(
    deployment: Deployment, *arguments: str, terminal: str = "xterm", **environment: str
) -> Iterator[Terminal]:
    """Run the program at a terminal; it is ended with the block at the latest."""
    command, *rest = deployment.command(*arguments)
    child: pexpect.spawn[str] = pexpect.spawn(
        command,
        rest,
        env={**deployment.environment(), "TERM": terminal, "SIMULATED_RATE": "10", **environment},
        cwd=str(deployment.folder),
        encoding="utf-8",
        timeout=_TIMEOUT_S,
        dimensions=(40, 200),
    )
    child.delaybeforesend = None
    vars(child)["ptyproc"].delayafterclose = 0  # its delays are for children that nobody waits for
    try:
        yield Terminal(child)
    finally:
        child.close(force=True)


class ScriptedPrompts(Prompts):
    """A person who gives prepared answers, found by a part of the question; an unexpected question fails."""

    def __init__(self) -> None:
        super().__init__()
        self.is_interactive = True
        self.answers: dict[str, bool | int | None] = {}
        self.during_countdown: Callable[[], object] = lambda: None
        self.transcript = ""

    def show(self, *lines: str) -> None:
        self.transcript += "".join(f"{line}\n" for line in lines)

    warn = show

    def confirm(self, question: str, *, default: bool) -> bool:
        answer = self._answer(question)
        return default if answer is None else bool(answer)

    def choose(self, question: str, count: int) -> int:
        answer = self._answer(question)
        assert answer is not None
        assert 1 <= answer <= count
        return int(answer)

    @contextmanager
    def countdown(self, request: str) -> Iterator[Callable[[int], None]]:
        self.show(request)
        self.during_countdown()
        yield lambda _left_s: None

    def _answer(self, question: str) -> bool | int | None:
        self.show(question)
        (part,) = [part for part in self.answers if part in question]
        return self.answers.pop(part)
