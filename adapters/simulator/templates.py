"""JSON data with places for values: what a simulated service answers is mostly such data.

`{name}` in a string is filled in once, when a thing gets its identity; a string that is nothing but `{name}`
becomes the value itself, also a list or an object. `"$name"` is a live value: filled in at each reply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

_WHOLE = re.compile(r"\{(\w+)\}")
_LIVE = re.compile(r'"\$([^"]+)"')
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def load(folder: Path, name: str) -> Any:
    """Load a data file."""
    return json.loads((folder / name).read_text("utf-8"))


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of the template with its `{name}` places filled in, in keys too."""
    match template:
        case dict():
            return {name.format_map(values): fill(item, values) for name, item in template.items()}
        case list():
            return [fill(item, values) for item in template]
        case str() if "{" in template:
            whole = _WHOLE.fullmatch(template)
            return values[whole[1]] if whole else template.format_map(values)
    return template


def encode(content: Any) -> str:
    """Encode as JSON without blanks."""
    return _encode(content)


def fill_live(text: str, value: Callable[[str], object]) -> str:
    """Return the encoded template with each live place filled in with the value of its name."""
    parts = list(_split(text))
    parts[1::2] = [_encode_value(value(name)) for name in parts[1::2]]
    return "".join(parts)


@lru_cache(maxsize=256)
def _split(text: str) -> Sequence[str]:
    """Return the text between live places and, at odd positions, the names of the places."""
    return _LIVE.split(text)


def _encode_value(value: object) -> str:
    return repr(value) if type(value) is float else _encode(value)  # much quicker, and the same
