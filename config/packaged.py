"""The files that come with the program: the commented default, an example of secrets, the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Name = Literal["default.yaml", "secrets.example.yaml", "schema.json"]


def path_of(name: Name) -> Path:
    """Where the file stands, for a person to copy; the program is installed as plain files, not a zip."""
    return Path(__file__).with_name(name)


def lock_path() -> Path:
    """The packages, with their versions, that this version of the program was tested with."""
    packaged = Path(__file__).with_name("requirements.lock")
    return packaged if packaged.exists() else Path(__file__).parents[1] / "requirements.lock"


def text_of(name: Name) -> str:
    """What the file holds."""
    return path_of(name).read_text(encoding="utf-8")
