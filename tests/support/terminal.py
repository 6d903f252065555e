"""A person at a real terminal, who reads what the program says and types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pexpect

from tests.support.deployments import Deployment

_PATIENCE_S = 20.0


class Terminal:
    """One run of the program."""

    def __init__(self, child: pexpect.spawn[str]) -> None:
        self._child = child
        self.said = ""

    def sees(self, pattern: str) -> str:
        """What was said up to and with the first match of a regular expression; fails when it never comes."""
        self._child.expect(pattern)
        seen = f"{self._child.before}{self._child.after}"
        self.said += seen
        return seen

    def types(self, line: str) -> None:
        self._child.sendline(line)

    def interrupts(self) -> None:
        """Ctrl-C."""
        self._child.sendintr()

    def leaves(self) -> int:
        """The exit code, once it has ended; everything that was said is in `said`."""
        self._child.expect(pexpect.EOF)
        self.said += self._child.before or ""
        self._child.wait()
        code = self._child.exitstatus
        assert code is not None, f"ended by signal {self._child.signalstatus}: {self.said}"
        return int(code)


@contextmanager
def at_a_terminal(
    deployment: Deployment, *arguments: str, terminal: str = "xterm", **environment: str
) -> Iterator[Terminal]:
    """The program at a terminal, ended at the latest with the block."""
    command, *rest = deployment.command(*arguments)
    child: pexpect.spawn[str] = pexpect.spawn(
        command,
        rest,
        env={**deployment.environment(), "TERM": terminal, "SIMULATED_RATE": "10", **environment},
        cwd=str(deployment.folder),
        encoding="utf-8",
        timeout=_PATIENCE_S,
        dimensions=(40, 200),
    )
    child.delaybeforesend = None
    vars(child)["ptyproc"].delayafterclose = 0  # its waits are for programs that are not waited for
    try:
        yield Terminal(child)
    finally:
        child.close(force=True)
