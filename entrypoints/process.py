"""How this process was started: which folder is the home, what its command is called, and how long ago."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import attrs
import platformdirs

from domain.errors import HomeclimateError
from entrypoints.terminal.encoding import READABLE, register

# A command as messages name it: its words, and in backquotes the rest of it.
_COMMAND = re.compile(
    r"(?P<quote>`)?\bhomeclimate (?P<words>--version|backup|collect(?: --once)?"
    r"|coverage|(?:db|baseline)(?: [a-z]+(?:-[a-z]+)?)?"
    r"|dashboard|devices(?: (?:history|ignore|offset|outdoor|plausible|rename))?"
    r"|demo|export|health|history|log|report|restore|setup(?: amazon)?|simulat(?:e|or)|status)\b"
    r"(?P<rest>(?(quote)[^`\n]*(?=`)))?(?P<home>(?= --home\b))?"
)
_DEFAULT_ERRORS = ("strict", "surrogateescape", "backslashreplace")  # of Python's streams
_WITHOUT_HOME = ("--version", "demo", "simulate", "simulator")
_START_TIME_FIELD = 19  # of /proc/PID/stat, counted from behind the name; see proc(5)


def find_home(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder, which contains config/, data/ and logs/.

    In this order: `given`, HOMECLIMATE_HOME, the current folder if it has a config/config.yaml, the checkout
    (`./run` sets HOMECLIMATE_CHECKOUT), the user's data folder.
    """
    if given is not None:
        return given.absolute()
    if named := environment.get("HOMECLIMATE_HOME"):
        return Path(named).absolute()
    if Path("config/config.yaml").is_file():
        return Path.cwd()
    if checkout := environment.get("HOMECLIMATE_CHECKOUT"):
        return Path(checkout)
    data = _user_data()
    if data is None:
        raise HomeclimateError("the user's home folder is unknown. Set HOME, or name the home with --home")
    return data


def program_name(environment: Mapping[str, str] = os.environ, *, is_here: bool = True) -> str:
    """Return what starts this program: `homeclimate`, or the path to `run`, short only if typed here."""
    checkout = environment.get("HOMECLIMATE_CHECKOUT")
    if checkout is None:
        return "homeclimate"
    return "./run" if is_here and _is_working_folder(checkout) else shlex.quote(f"{checkout}/run")


def is_person_at_stdin() -> bool:
    """Whether a person, and not cron or a service manager, started the program."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


@attrs.frozen(kw_only=True)
class TypedCommands:
    """Replaces commands in a text, `homeclimate status`, by what a person types: `./run status --home /h`.

    Every text for a person passes here once it is complete; a second time changes nothing. `home` is None
    if the commands find the home by themselves. No file is touched.
    """

    program: str
    home: Path | None

    def __call__(self, text: str) -> str:
        return _COMMAND.sub(self._typed, text)

    def _typed(self, command: re.Match[str]) -> str:
        quote, words, rest = command["quote"] or "", command["words"], command["rest"] or ""
        names_home = words in _WITHOUT_HOME or "--home" in rest or command["home"] is not None
        option = "" if names_home or self.home is None else f" --home {shlex.quote(str(self.home))}"
        return f"{quote}{self.program} {words}{rest}{option}"


def typed_here(home: Path, environment: Mapping[str, str] = os.environ) -> TypedCommands:
    """Return the commands as typed in the folder, and with the variables, of this process."""
    is_default = home == find_home(None, environment)
    return TypedCommands(program=program_name(environment), home=None if is_default else home)


def typed_anywhere(home: Path, environment: Mapping[str, str] = os.environ) -> TypedCommands:
    """Return the commands for mails, files and logs, which are read in other folders and shells."""
    checkout = environment.get("HOMECLIMATE_CHECKOUT")
    is_default = home == (Path(checkout) if checkout else _user_data())
    program = program_name(environment, is_here=False)
    return TypedCommands(program=program, home=None if is_default else home)


def _user_data() -> Path | None:
    """Return the user's data folder; None for a user without a home folder."""
    try:
        data = platformdirs.user_data_path("homeclimate")
    except RuntimeError:
        return None
    return data if data.is_absolute() else None


def _is_working_folder(folder: str) -> bool:
    try:
        return Path.cwd() == Path(folder)
    except OSError:  # it has been removed
        return False


def prepare_streams() -> None:
    """Replace standard streams that are closed, and let all print what their encoding lacks, readably."""
    register()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # takes the lowest free descriptor, which is that of the stream: no other file gets it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - stays open
        elif mode == "w" and isinstance(stream, io.TextIOWrapper) and stream.errors in _DEFAULT_ERRORS:
            stream.reconfigure(errors=READABLE)


def prepare_time_zone() -> None:
    """Show times in UTC if the local zone is a day or more from it, which Python refuses."""
    try:
        for month in (1, 7):  # with and without summer time
            datetime(2026, month, 1).astimezone()
    except (ValueError, OverflowError):
        os.environ["TZ"] = "UTC0"
        time.tzset()


def process_age_s() -> float:
    """Return the age of this process in seconds, start and imports included; 0.0 if it is unknown."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started_s = int(fields[_START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
