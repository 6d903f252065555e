"""How a person names sources on the command line."""

from __future__ import annotations


def is_called(name: str, wanted: str) -> bool:
    """Whether that name of a source is meant by one: `hue` means every `hue:...` too."""
    return name == wanted or name.startswith(f"{wanted}:")
