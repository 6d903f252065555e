"""JSON that no real service sends, for generated cases."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    ["OK", "4", "CELSIUS", "2026-03-01T11:57:21.000Z", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.sampled_from([10**400, -(10**30)]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(ANY_TEXT, children, max_size=4),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, content: Any) -> Any:
    """Generate the content with some values replaced, left out or moved."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 4))):
        content = _with_a_change(draw, content)
    return content


def _with_a_change(draw: st.DrawFn, content: Any) -> Any:
    keys: list[Any] = []
    if isinstance(content, dict):
        keys = list(content)
    elif isinstance(content, list):
        keys = list(range(len(content)))
    if not keys or draw(st.integers(0, 5)) == 0:
        return draw(ANY_JSON)
    key = draw(st.sampled_from(keys))
    if draw(st.integers(0, 5)) == 0:
        del content[key]
    else:
        content[key] = _with_a_change(draw, content[key])
    return content
