"""Mail the weekly report from a process of its own."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from domain.errors import NotifyError, NotifyUnavailable

LIMIT_S = 300.0
_LONGEST_REASON = 500


class ReportProcess:
    """Runs a command that builds and mails the report; it is killed after `limit_s`, or when cancelled.

    What it loads and reads takes no memory of this process. Its last line on stderr is the reason when it
    fails.
    """

    def __init__(self, command: Sequence[str], *, folder: Path, limit_s: float = LIMIT_S) -> None:
        self._command = command
        self._folder = folder
        self._limit_s = limit_s

    async def send(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for this process
            )
        except OSError as error:
            raise NotifyUnavailable(f"the report cannot be built: {error.strerror}") from error
        try:
            _, errors = await asyncio.wait_for(process.communicate(), self._limit_s)
        except TimeoutError as error:
            raise NotifyUnavailable(f"the report was not sent within {self._limit_s:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            lines = errors.decode(errors="replace").strip().splitlines()
            reason = lines[-1].removeprefix("homeclimate: ") if lines else f"exit code {process.returncode}"
            raise NotifyError(reason[-_LONGEST_REASON:])
