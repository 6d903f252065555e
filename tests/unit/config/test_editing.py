"""Single values of a YAML text change, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.documents.editing import Change, edited
from domain.errors import SettingsError

KEY = Change(("hue", "api_key"), "K")
ENTRY = Change(("hue", "bridges", 0), {"id": "1", "api_key": "K"})


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("", KEY, 'hue:\n  api_key: "K"\n'),
        ("# mine\n", KEY, '# mine\nhue:\n  api_key: "K"\n'),
        ("# mine", KEY, '# mine\nhue:\n  api_key: "K"\n'),
        ("nest: 5", KEY, 'nest: 5\nhue:\n  api_key: "K"\n'),
        ("hue:\n  api_key: ''  # c\nb: 1\n", KEY, 'hue:\n  api_key: "K"  # c\nb: 1\n'),
        ("hue:\n  api_key: it''s # c\n", KEY, 'hue:\n  api_key: "K" # c\n'),
        ("hue:\n  api_key:   # c\nb: 1\n", KEY, 'hue:\n  api_key: "K"   # c\nb: 1\n'),
        ("hue:\n  api_key: >-\n    folded\n    text\n\nb: 1\n", KEY, 'hue:\n  api_key: "K"\n\nb: 1\n'),
        ("hue: # c\nb: 1\n", KEY, 'hue: # c\n  api_key: "K"\nb: 1\n'),
        ("hue:", KEY, 'hue:\n  api_key: "K"\n'),
        ("hue: null # c\n", KEY, 'hue: {api_key: "K"} # c\n'),
        ("hue: {} # c\n", KEY, 'hue: {api_key: "K"} # c\n'),
        ("hue: {a: 1, } # c\n", KEY, 'hue: {a: 1, api_key: "K", } # c\n'),
        ("hue:\n  # api_key: no\n\nb: 1\n", KEY, 'hue:\n  api_key: "K"\n  # api_key: no\n\nb: 1\n'),
        ("hue:\n    a: 1\n\n# b\nb: 1\n", KEY, 'hue:\n    a: 1\n    api_key: "K"\n\n# b\nb: 1\n'),
        ("hue:\n  a:\n\n\nb: 1\n", KEY, 'hue:\n  a:\n  api_key: "K"\n\n\nb: 1\n'),
        ("hue:\n  a: |\n    x\nb: 1\n", KEY, 'hue:\n  a: |\n    x\n  api_key: "K"\nb: 1\n'),
        ("---\nhue:\n  a: 1\n...\n", KEY, '---\nhue:\n  a: 1\n  api_key: "K"\n...\n'),
        ("\ufeffhue:\n  a: 1\n", KEY, '\ufeffhue:\n  a: 1\n  api_key: "K"\n'),
        ("x: &x {a: 1}\nhue:\n  <<: *x\nb: 1\n", KEY, 'x: &x {a: 1}\nhue:\n  <<: *x\n  api_key: "K"\nb: 1\n'),
        ("hue:\n  a: 1\n", ENTRY, 'hue:\n  a: 1\n  bridges:\n    - id: "1"\n      api_key: "K"\n'),
        ("hue:\n  bridges: []\n", ENTRY, 'hue:\n  bridges: [{id: "1", api_key: "K"}]\n'),
        ("hue: {bridges: }\n", ENTRY, 'hue: {bridges: [{id: "1", api_key: "K"}] }\n'),
        (
            "hue:\n  bridges:\n  -   id: 0\n      # c\nb: 1\n",
            Change(("hue", "bridges", 1), {"id": "1", "api_key": "K"}),
            'hue:\n  bridges:\n  -   id: 0\n  - id: "1"\n    api_key: "K"\n      # c\nb: 1\n',
        ),
        (
            "hue:\n  bridges: [{id: 0}] # c\n",
            Change(("hue", "bridges", 1), {"id": "1"}),
            'hue:\n  bridges: [{id: 0}, {id: "1"}] # c\n',
        ),
        (
            "hue:\n  bridges:\n    - id: 0\n      address: a\n    - id: 1\n",
            Change(("hue", "bridges", 0, "address"), "b"),
            'hue:\n  bridges:\n    - id: 0\n      address: "b"\n    - id: 1\n',
        ),
        ("hue:\n  ip: 1.2.3.4 # c\n", Change(("hue", "ip"), None), "hue:\n  ip: null # c\n"),
        ("hue:\n  on: no\n", Change(("hue", "on"), True), "hue:\n  on: true\n"),
        ("hue:\n  list: [a]\n", Change(("hue", "list", 1), "b"), 'hue:\n  list: [a, "b"]\n'),
        ("hue:\n  list:\n  - a\n", Change(("hue", "list", 1), "b"), 'hue:\n  list:\n  - a\n  - "b"\n'),
    ],
)
def test_change_writes_the_value_and_keeps_everything_else(before: str, change: Change, after: str) -> None:
    assert edited(before, [change], "f") == after


def test_changes_are_applied_in_order() -> None:
    changes = [
        Change(("hue", "bridges", 0), {"id": "0"}),
        Change(("hue", "bridges", 1), {"id": "1"}),
        Change(("hue", "bridges", 0, "id"), "zero"),
    ]
    assert edited("", changes, "f") == 'hue:\n  bridges:\n    - id: "zero"\n    - id: "1"\n'


def test_odd_yaml_in_other_sections_is_kept() -> None:
    odd = "nest: {id: 5, id: 6, token: !vault xyz}\nweather:\n  a: 1\n  a: 2\n"
    assert edited(odd + "hue:\n  api_key: x\n", [KEY], "f") == odd + 'hue:\n  api_key: "K"\n'


def test_crlf_line_ends_are_kept() -> None:
    assert edited("hue:\r\n  a: 1\r\n", [KEY], "f") == 'hue:\r\n  a: 1\r\n  api_key: "K"\r\n'


@pytest.mark.parametrize(
    "text",
    [
        "x: &x {api_key: 1}\nhue: *x\n",  # would change x as well
        "hue:\n  api_key: &k secret\nb: *k\n",
        "hue:\n  api_key: 1\n  api_key: 2\n",  # which of them counts?
        "hue: text\n",
        "hue: [1]\n",
        "hue:\n  api_key: {a: 1}\n",
        "hue: {api_key}\n",
        "hue: [\n",
        "? {a: 1}\n: b\n? hue\n: text",
    ],
)
def test_change_that_would_touch_something_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"f: hue\.api_key cannot be changed alone"):
        edited(text, [KEY], "f")


def test_empty_list_item_is_not_overwritten() -> None:
    with pytest.raises(SettingsError, match=r"bridges\.0\.id"):
        edited("hue:\n  bridges:\n  -\n  - id: 1\n", [Change(("hue", "bridges", 0, "id"), "1")], "f")


def test_values_are_not_in_messages_or_reprs() -> None:
    change = Change(("hue", "api_key"), "the secret")
    with pytest.raises(SettingsError) as caught:
        edited("hue: text\n", [change], "f")
    assert "the secret" not in str(caught.value) + repr(change)


NAMES = st.sampled_from(["a", "b", "hue", "bridges", "api_key"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.sampled_from(["x", "", "it's: #1", "0600", "yes"]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(
    tree=st.dictionaries(NAMES, TREES, max_size=4),
    is_flow=st.booleans(),
    path=st.lists(NAMES, min_size=1, max_size=3),
)
def test_all_other_lines_are_kept(tree: dict[str, object], is_flow: bool, path: list[str]) -> None:
    before = "# first\n" + yaml.safe_dump(tree, default_flow_style=is_flow, width=10_000) + "# last\n"
    try:
        after = edited(before, [Change(tuple(path), "new")], "f")
    except SettingsError:
        return  # the path leads to something else
    found = yaml.safe_load(after)
    for name in path:
        found = found[name]
    assert found == "new"
    lost = set(before.splitlines()) - set(after.splitlines())
    assert len(lost) <= 1
    assert {"# first", "# last"} <= set(after.splitlines())
