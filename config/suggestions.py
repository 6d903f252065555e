"""Which known name a person may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

_ALIKE = (
    0.7  # difflib's ratio: "intervall_second" still finds "interval_seconds", "name" does not find "level"
)
_LONGEST = 60  # characters; difflib takes long for long names, and nobody mistypes one that long


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like the given one; None when none is like it."""
    import difflib

    by_plain = {_plain(candidate): candidate for candidate in known}
    found = difflib.get_close_matches(_plain(name[:_LONGEST]), by_plain, n=1, cutoff=_ALIKE)
    return by_plain[found[0]] if found else None


def paths_by_name(root: type) -> Mapping[str, str]:
    """The path of each key that has one place only, so that one in a wrong section can be sent there."""
    paths: dict[str, list[str]] = {}
    for path in paths_of(root):
        paths.setdefault(path.rpartition(".")[2], []).append(path)
    return {name: found[0] for name, found in paths.items() if len(found) == 1}


def paths_of(root: type, prefix: str = "") -> Iterator[str]:
    """The paths of all sections and keys below a class of settings."""
    for field in attrs.fields(attrs.resolve_types(root)):
        yield f"{prefix}{field.name}"
        if attrs.has(field.type):
            yield from paths_of(field.type, f"{prefix}{field.name}.")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
