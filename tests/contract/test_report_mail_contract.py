"""What every mail of the report promises."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.alerts.report_process import ReportProcess
from adapters.memory.alerts import MemoryReportMail
from domain.errors import NotifyError
from ports.alerts import ReportMail

Make = Callable[[Path, str], ReportMail]
REASON = "the server is away"


def _in_memory(_: Path, reason: str) -> ReportMail:
    mail = MemoryReportMail()
    mail.fault = NotifyError(reason) if reason else None
    return mail


def _in_a_process(folder: Path, reason: str) -> ReportMail:
    program = f"import sys; sys.exit({reason!r} and 'a warning\\nhomeclimate: ' + {reason!r} or 0)"
    return ReportProcess([sys.executable, "-S", "-c", program], folder=folder)


@pytest.fixture(params=[_in_memory, _in_a_process], ids=["memory", "process"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


async def test_a_report_that_was_sent_raises_nothing(make: Make, tmp_path: Path) -> None:
    await make(tmp_path, "").send()


async def test_the_reason_of_a_failure_is_kept(make: Make, tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match=f"^{REASON}$"):
        await make(tmp_path, REASON).send()


async def test_a_process_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []

    async def start(*command: str, **options: Any) -> Process:
        started.append(await asyncio_start(*command, **options))
        return started[-1]

    asyncio_start = asyncio.create_subprocess_exec
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    program = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with pytest.raises(NotifyError, match=r"not sent within 0\.1 s"):
        await ReportProcess(program, folder=tmp_path, limit_s=0.1).send()
    assert [process.returncode for process in started] == [-signal.SIGKILL]


async def test_a_program_that_does_not_start_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match="cannot be built"):
        await ReportProcess([str(tmp_path / "none")], folder=tmp_path).send()
