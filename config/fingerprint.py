"""A short word for a configuration, which is another one as soon as anything in it is."""

from __future__ import annotations

import hashlib
import json

import attrs

from config.settings import Settings

_LETTERS = 12


def fingerprint(settings: Settings) -> str:
    """The first letters of a SHA-256 over all settings in force, defaults included; secrets are none."""
    plain = json.dumps(attrs.asdict(settings), sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:_LETTERS]
