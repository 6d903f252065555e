"""What a health check reports about a home's files: each problem under the component that it affects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from config.documents.problems import Problem, Severity
from config.files import read_bytes
from config.loading import PUBLIC_NAMES, Inspection
from config.secrets import Secrets
from config.setting_types import LARGEST_LOG_FOLDER_BYTES
from config.settings import LoggingSettings, Settings
from domain.errors import SettingsError
from domain.health.report import Answer, Weight, failed, passed, skipped, warned

_WORD = re.compile(r"""[^\s"',:{}\[\]]{8,}""")
_MOST_BYTES, _MOST_WORDS = 1_000_000, 1000  # each word takes time to prepare
_LOG_LIMITS = ("logging.max_bytes", "logging.backup_count")


def check_configuration(files: Inspection) -> Answer:
    """Check config.yaml and its overlay, without which nothing is collected."""
    if files.settings is not None:
        collectors = files.settings.collectors
        if not (collectors.hue.enabled or collectors.amazon_aqm.enabled):
            return failed(
                f"{files.config_path} enables no source",
                "Set collectors.hue.enabled or collectors.amazon_aqm.enabled to yes there.",
            )
    problems = [each for each in files.problems if not (_is_secrets(each, files) or _is_log_limit(each))]
    return _answer(problems) or passed(f"{files.config_path} is valid")


def check_secrets(files: Inspection) -> Answer:
    """Check that secrets.yaml can be read, by its owner alone, and has what the enabled sources need."""
    problems = [each for each in files.problems if _is_secrets(each, files)]
    return _answer(problems) or passed(f"{files.secrets_path} has what the enabled sources need")


def usable_settings(files: Inspection) -> Settings | None:
    """Return the settings, unless config.yaml has such a problem that nothing in it can be trusted."""
    return None if check_configuration(files).weight is Weight.ESSENTIAL else files.settings


def check_log(files: Inspection, settings: LoggingSettings, folder: Answer) -> Answer:
    """Return the answer for the log: that of its folder, or a warning on limits that are capped."""
    if not settings.enable_file_logging:
        return skipped("no log file is written: logging.enable_file_logging is no")
    problems = [each for each in files.problems if _is_log_limit(each)]
    if folder.next_step or not problems:
        return folder
    return warned(
        _text(problems),
        f"Edit {_position(problems[0])}: max_bytes x (1 + backup_count) may be {LARGEST_LOG_FOLDER_BYTES:,} "
        "at most.",
    )


def names_of_secrets(files: Inspection) -> Iterator[str]:
    """Yield the path of each secret that is set, without its value."""
    if files.secrets is None:
        yield f"{files.secrets_path} cannot be read"
        return
    for section in attrs.fields(Secrets):
        for name, value in attrs.asdict(getattr(files.secrets, section.name), recurse=False).items():
            if value:
                count = f" ({len(value)})" if isinstance(value, Mapping | tuple) else ""
                yield f"{section.name}.{name} is set{count}"


def texts_to_redact(files: Inspection) -> tuple[str, ...]:
    """Return the secrets; if their file is invalid, the longer words in it, longest first."""
    if files.secrets is not None:
        return tuple(files.secrets.values())
    try:
        content = read_bytes(files.secrets_path, _MOST_BYTES)
    except SettingsError:
        return ()
    words = set(_WORD.findall(content.decode(errors="replace"))) - PUBLIC_NAMES
    return tuple(sorted(words, key=lambda word: (-len(word), word))[:_MOST_WORDS])


def _answer(problems: Sequence[Problem]) -> Answer | None:
    if not problems:
        return None
    worst = max(each.severity for each in problems)
    first = next(each for each in problems if each.severity is worst)
    if worst is Severity.WARNING:
        return warned(_text(problems), f"Edit {_position(first)}, if you want what is written there.")
    weight = Weight.ESSENTIAL if worst is Severity.FATAL else Weight.ORDINARY
    what, _, next_step = first.message.partition(". ")
    if next_step and len(problems) == 1:  # a sentence of its own
        return failed(_text([attrs.evolve(first, message=what)]), f"{next_step}.", weight)
    hint = next_step or what.partition("; ")[2]
    return failed(_text(problems), f"Correct {_position(first)}{': ' if hint else '.'}{hint}", weight)


def _position(problem: Problem) -> str:
    place = problem.place
    return f"{place.file}:{place.line}" if place.line else place.file


def _text(problems: Iterable[Problem]) -> str:
    # A redactor takes what follows a key and a colon for a secret, so there is a dash.
    return "\n".join(f"{each.place} - {each.message}" for each in problems)


def _is_secrets(problem: Problem, files: Inspection) -> bool:
    return problem.place.file == str(files.secrets_path)


def _is_log_limit(problem: Problem) -> bool:
    return problem.severity is Severity.WARNING and problem.place.path in _LOG_LIMITS
