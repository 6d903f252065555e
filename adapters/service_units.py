"""Whether a service that is installed for this program runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from domain.health import Answer, failed, passed, skipped, warned

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
