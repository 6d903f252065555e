"""What a health check says of a home's files: each remark under the component that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path

import attrs

from config.faults import Gravity, Remark
from config.loading import NAMEABLE, Inspection
from config.secrets import Secrets
from config.settings import LARGEST_LOG_FOLDER_BYTES
from domain.health import Answer, Weight, failed, passed, warned

_WORD = re.compile(r"""[^\s"',:{}\[\]]{8,}""")
_OF_THE_LOG = ("logging.max_bytes", "logging.backup_count")


def of_configuration(files: Inspection) -> Answer:
    """config.yaml, and what lies over it; without it, or with a fault in it, nothing is collected."""
    about = [one for one in files.remarks if not _is_of_secrets(one, files) and not _is_of_the_log(one)]
    if files.settings is not None and not _enabled(files):
        return failed(
            f"{files.config_path} enables no source",
            "Set collectors.hue.enabled or collectors.amazon_aqm.enabled to yes there.",
        )
    return _of(about, f"{files.config_path} is in order", files.config_path)


def of_secrets(files: Inspection) -> Answer:
    """secrets.yaml: whether it can be read, by nobody else, and has what the enabled sources need."""
    about = [one for one in files.remarks if _is_of_secrets(one, files)]
    return _of(about, f"{files.secrets_path} has what the enabled sources need", files.secrets_path)


def of_log_limits(files: Inspection) -> Answer | None:
    """None where the limits are kept; they are counted down to 60 MB whatever is asked for."""
    about = [one for one in files.remarks if _is_of_the_log(one)]
    if not about:
        return None
    return warned(
        _told(about),
        f"Edit {about[0].place.file}:{about[0].place.line}: max_bytes x (1 + backup_count) of at most "
        f"{LARGEST_LOG_FOLDER_BYTES:,} is what counts in any case.",
    )


def secrets_that_are_set(files: Inspection) -> Iterator[str]:
    """The path of each secret that there is, without it."""
    if files.secrets is None:
        yield f"{files.secrets_path} cannot be read"
        return
    for section in attrs.fields(Secrets):
        for name, value in attrs.asdict(getattr(files.secrets, section.name), recurse=False).items():
            if value:
                count = f" ({len(value)})" if isinstance(value, Sized) else ""
                yield f"{section.name}.{name} is set{count}"


def untold(files: Inspection) -> tuple[str, ...]:
    """What must not be told: the secrets, and where their file makes no sense, every longer word in it."""
    if files.secrets is not None:
        return tuple(files.secrets.values())
    try:
        words = _WORD.findall(files.secrets_path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()
    return tuple(set(words) - NAMEABLE)


def _of(about: list[Remark], in_order: str, path: Path) -> Answer:
    if not about:
        return passed(in_order)
    worst = max(one.gravity for one in about)
    first = next(one for one in about if one.gravity is worst)
    at = f"{first.place.file}:{first.place.line}" if first.place.line else str(path)
    if worst is Gravity.WARNING:
        return warned(_told(about), f"Edit {at}, if you want what is written there.")
    weight = Weight.ESSENTIAL if worst is Gravity.FAULT else Weight.ORDINARY
    step = first.message.partition("; ")[2]
    return failed(_told(about), f"Mend {at}: {step}" if step else f"Mend {at}, as said above.", weight)


def _told(about: Iterable[Remark]) -> str:
    # no colon behind a key: who blots out secrets would take what follows for one
    return "; ".join(f"{one.place} - {one.message}" for one in about)


def _is_of_secrets(remark: Remark, files: Inspection) -> bool:
    return remark.place.file == str(files.secrets_path)


def _is_of_the_log(remark: Remark) -> bool:
    return remark.gravity is Gravity.WARNING and remark.place.path in _OF_THE_LOG


def _enabled(files: Inspection) -> bool:
    assert files.settings is not None  # noqa: S101 - for the type checker
    collectors = files.settings.collectors
    return collectors.hue.enabled or collectors.amazon_aqm.enabled
