"""A probe made of a function that blocks; it runs in a daemon thread, so that nobody waits for its end."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryFile

import attrs

from adapters.runtime.threads import in_daemon_thread
from domain.health import Answer, Weight, failed, passed, skipped, warned


@attrs.frozen
class BlockingProbe:
    """Whoever gives up waiting leaves the thread behind: the process ends without it."""

    component: str
    answer: Callable[[], Answer]
    weight: Weight = Weight.ORDINARY

    async def check(self) -> Answer:
        return await in_daemon_thread(self.answer, f"probe {self.component}")


# Whether the log has a place to be written to, within its bound.

_BOUND_BYTES = 60_000_000


def log_folder(folder: Path, *, max_bytes: int, backups: int) -> Answer:
    """Write a file into the folder, or into the one that it would be made in; nothing is left of it."""
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        TemporaryFile(dir=nearest).close()
    except OSError as error:
        return failed(
            f"{nearest} cannot be written to: {error.strerror}",
            f"Let the user who collects write there: `ls -la {nearest}`, or edit logging.log_file_path.",
        )
    taken = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    most = max_bytes * (1 + backups)
    told = f"{folder} can be written to: {taken / 1e6:.1f} MB of {most / 1e6:.0f} MB at most"
    if max(taken, most) > _BOUND_BYTES:
        return failed(told, f"Remove what does not belong into {folder}: 60 MB is the bound of all of it.")
    return passed(told)


# Whether a service that is installed for this program runs.

UNIT_FOLDERS = (Path("/etc/systemd/system"), Path.home() / ".config" / "systemd" / "user")
_STARTS_COLLECTING = re.compile(r"^ExecStart\s*=.*\bcollect\b", re.MULTILINE)
_NAMES_A_HOME = re.compile(r"--home\b|HOMECLIMATE_HOME\b")
_STARTED_BY_A_TIMER = re.compile(r"^Type\s*=\s*oneshot\b", re.MULTILINE)
_LIMIT_S = 5.0


def service(home: Path, *, folders: Iterable[Path] = UNIT_FOLDERS) -> Answer:
    """Asks systemd of the unit that starts `collect` for the home; skipped where there is none."""
    for folder in folders:
        for unit in sorted(folder.glob("*.service")):
            text = _text_of(unit)
            if _is_ours(text, home):
                # between two runs of a one-shot it is its timer that has to be active
                watched = unit.with_suffix(".timer") if _STARTED_BY_A_TIMER.search(text) else unit
                return _state_of(watched, is_user=folder == UNIT_FOLDERS[1])
    return skipped("no service is installed; docs/how-to/run-as-a-service.md says how")


def _text_of(unit: Path) -> str:
    try:
        return unit.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_ours(text: str, home: Path) -> bool:
    """Whether it starts collecting in this home, or in one that it does not name."""
    if not _STARTS_COLLECTING.search(text):
        return False
    return str(home) in text or ("homeclimate" in text and not _NAMES_A_HOME.search(text))


def _state_of(unit: Path, *, is_user: bool) -> Answer:
    systemctl = ["systemctl", *(("--user",) if is_user else ())]
    command = " ".join(systemctl)
    try:
        asked = subprocess.run(  # noqa: S603 - fixed words, and a file's name
            [*systemctl, "is-active", unit.name],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return warned(
            f"{unit} is installed, and systemd does not tell its state: {error}",
            f"Run `{command} status {unit.name}`.",
        )
    state = asked.stdout.strip() or "unknown"
    if state in ("active", "activating"):
        return passed(f"{unit.name} is {state}")
    return failed(f"{unit} is installed, and {state}", f"Run `{command} enable --now {unit.name}`.")
