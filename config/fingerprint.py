"""A short word for a configuration, which is another one as soon as anything in it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import attrs

from config.settings import Settings

_LETTERS = 12


def fingerprint(settings: Settings, home: Path) -> str:
    """The first letters of a SHA-256 over all settings in force, defaults included; secrets are none.

    Of a path within the home only where in it, so that a home which was moved has the same.
    """

    def told(path: Path) -> str:
        return str(path.relative_to(home) if path.is_relative_to(home) else path)

    plain = json.dumps(attrs.asdict(settings), sort_keys=True, default=told)
    return hashlib.sha256(plain.encode()).hexdigest()[:_LETTERS]
