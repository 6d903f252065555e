"""Probes from blocking functions, and the checks of the log folder and of the systemd service."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from shlex import quote

import attrs

from adapters.files.regular_file import read_regular
from adapters.health.machine import waited_for_processor_s
from adapters.runtime.threads import in_daemon_thread
from domain.health.report import Answer, Weight, failed, passed, skipped, warned
from ports.probe import Probe

UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("~/.config/systemd/user"))

_SYSTEMCTL_TIMEOUT_S = 5.0
_BEAT_S = 0.1
_STARTS_COLLECTING = re.compile(r"^ExecStart\s*=.*\bcollect\b", re.MULTILINE)
_NAMES_A_HOME = re.compile(r"--home\b|HOMECLIMATE_HOME\b")
_IS_ONESHOT = re.compile(r"^Type\s*=\s*oneshot\b", re.MULTILINE)


@attrs.frozen
class BlockingProbe:
    """Runs a blocking function in a daemon thread: if it hangs, the process ends without it."""

    component: str
    answer: Callable[[], Answer]
    weight: Weight = Weight.ORDINARY

    async def check(self) -> Answer:
        return await in_daemon_thread(self.answer, f"probe {self.component}")


@attrs.frozen
class OwnLoopProbe:
    """Runs another probe in a thread and an event loop of its own: what blocks there blocks no other."""

    probe: Probe

    @property
    def component(self) -> str:
        return self.probe.component

    @property
    def weight(self) -> Weight:
        return self.probe.weight

    async def check(self) -> Answer:
        return await in_daemon_thread(self._check, f"probe {self.component}")

    def _check(self) -> Answer:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self.probe.check())
        finally:
            loop.close()  # and not asyncio.run: that waits for look-ups of names


class Pulse:
    """Measures how much this process runs, to distinguish a component that hangs from a busy machine."""

    def __init__(self) -> None:
        self._began_s = self._waited_before_s = 0.0
        self._beats = 0

    def start(self) -> None:
        self._began_s, self._waited_before_s = time.monotonic(), waited_for_processor_s()
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()

    def is_starved(self) -> bool:
        """Return whether the process was stopped, or waited for a processor, for half of the time or more."""
        passed_s = time.monotonic() - self._began_s
        waited_s = waited_for_processor_s() - self._waited_before_s
        return self._began_s > 0 and (self._beats * _BEAT_S < passed_s / 2 - 1 or waited_s > passed_s / 2)

    def _beat(self) -> None:
        while True:
            time.sleep(_BEAT_S)
            self._beats += 1


def check_log_folder(
    folder: Path, problem: str | None, *, max_bytes: int, backups: int, limit_bytes: int
) -> Answer:
    """Check that the log has no problem, and that its folder is within its limit.

    The log itself takes `max_bytes` for each of its files, the `backups` and the one that it writes to.
    """
    if problem is not None:
        return failed(
            f"the log cannot be written or rotated: {problem}",
            f"Look at `ls -la {quote(str(folder))}`: let the user who collects own it, and move away what "
            "is no log. Or edit logging.log_file_path.",
        )
    used = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    most = max_bytes * (1 + backups)
    summary = f"{folder} is writable, and has {used / 1e6:.1f} MB of at most {most / 1e6:.0f} MB"
    if max(used, most) > limit_bytes:
        limit = f"{limit_bytes / 1e6:.0f} MB"
        return failed(summary, f"Remove foreign files from {folder}: it may have {limit} in all.")
    return passed(summary)


def check_usable(problems: Sequence[str], summary: str, folder: Path) -> Answer:
    """Check that no file has a problem; the files are in the folder."""
    if not problems:
        return passed(summary)
    return failed(
        "; ".join(problems),
        f"Let the user who collects own it; move away what is not a file: `ls -la {quote(str(folder))}`.",
    )


def check_alert_file(path: Path) -> Answer:
    """Check that no alert file asks a person to act."""
    if not path.exists():
        return passed("no alert file")
    return failed(
        f"{path} exists: a source rejects its credentials",
        f"Follow its instructions: `cat {quote(str(path))}`. The next success removes it.",
    )


def check_service(home: Path, *, folders: Iterable[Path] = UNIT_FOLDERS) -> Answer:
    """Check that the systemd unit that starts `collect` for the home is active. Skip without such a unit."""
    for folder in folders:
        for unit in _units(folder):
            try:
                text = read_regular(unit).decode(errors="replace")
            except OSError:
                continue
            if _starts_collecting(text, home):
                # Between two runs of a one-shot service, its timer is active and the service is not.
                watched = unit.with_suffix(".timer") if _IS_ONESHOT.search(text) else unit
                return _unit_state(watched, is_user_unit=folder == UNIT_FOLDERS[1])
    return skipped("no service is installed; see docs/how-to/run-as-a-service.md")


def _units(folder: Path) -> list[Path]:
    """Return the services in the folder; none if this user may not look, or has no home folder."""
    try:
        return sorted(folder.expanduser().glob("*.service"))
    except (OSError, RuntimeError):
        return []


def _starts_collecting(unit_text: str, home: Path) -> bool:
    """Return whether the unit collects in this home, or is ours and names no home."""
    if not _STARTS_COLLECTING.search(unit_text):
        return False
    return str(home) in unit_text or ("homeclimate" in unit_text and not _NAMES_A_HOME.search(unit_text))


def _unit_state(unit: Path, *, is_user_unit: bool) -> Answer:
    systemctl = ["systemctl", *(("--user",) if is_user_unit else ())]
    command = " ".join(systemctl)
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a file's name
            [*systemctl, "is-active", unit.name],
            capture_output=True,
            text=True,
            timeout=_SYSTEMCTL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return warned(
            f"{unit} is installed, but systemd does not report its state: {error}",
            f"Run `{command} status {unit.name}`.",
        )
    state = done.stdout.strip() or "unknown"
    if state in ("active", "activating"):
        return passed(f"{unit.name} is {state}")
    return failed(f"{unit} is installed, but {state}", f"Run `{command} enable --now {unit.name}`.")
