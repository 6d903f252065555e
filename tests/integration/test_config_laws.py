"""What holds for every file: it loads or is refused, and no secret is shown."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.documents.structuring import paths_of
from config.loading import PUBLIC_NAMES, Loaded, load
from config.settings import Settings
from domain.errors import SettingsError
from tests.support.config_homes import CONFIG, OLD_CONFIG, SECRETS, write_home

QUICK = settings(max_examples=30)
NAMES = sorted({name for path in paths_of(Settings) for name in path.split(".")})
MARKS = (
    *"{}[]:,-?&*!|>'\"%@`#~\n\t \\",
    ": ",
    "\n  ",
    "- ",
    "<<: ",
    "&a ",
    "*a",
    "!!",
    "0",
    "1e9",
    "..",
    "---",
)
TEXTS = st.lists(st.sampled_from((*NAMES, *MARKS)) | st.text(max_size=4), max_size=40).map("".join)
WORDS = st.text(max_size=12) | st.sampled_from(["yes", "13:00", "a:1"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
SECRET = "do-not-show-me"
SECRET_TREES = st.recursive(
    st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([*sorted(PUBLIC_NAMES), SECRET, "nest"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def outcome(config: str | bytes, secrets: str | bytes) -> Loaded | SettingsError:
    contents = [
        each.encode("utf-8", "surrogatepass") if isinstance(each, str) else each for each in (config, secrets)
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            return load(write_home(Path(folder), *contents))
        except SettingsError as error:
            return error


@QUICK
@given(st.binary(max_size=200) | TEXTS)
def test_any_file_loads_or_is_refused(content: str | bytes) -> None:
    outcome(content, SECRETS)
    outcome(CONFIG, content)


@QUICK
@given(st.lists(st.tuples(st.integers(0, len(OLD_CONFIG)), st.text(max_size=3)), max_size=4))
def test_real_file_with_typing_errors_loads_or_is_refused(errors: list[tuple[int, str]]) -> None:
    content = OLD_CONFIG
    for at, text in errors:
        content = content[:at] + text + content[at + 1 :]
    outcome(content, SECRETS)


@QUICK
@given(st.dictionaries(st.sampled_from([*NAMES, "collectors", "storage", "logging"]), TREES))
def test_any_values_under_any_keys_load_or_are_refused(tree: object) -> None:
    outcome(yaml.safe_dump(tree, allow_unicode=True), SECRETS)


@QUICK
@given(
    SECRET_TREES,
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("{}[]:,-*&!%|>'\"\n \\")), max_size=3),
)
def test_typing_errors_in_the_secrets_never_show_one(tree: object, errors: list[tuple[int, str]]) -> None:
    content = yaml.safe_dump(tree)
    for at, text in errors:
        changed = content[: at % len(content)] + text + content[at % len(content) :]
        # An error inside the secret would leave two harmless halves.
        content = changed if changed.count(SECRET) == content.count(SECRET) else content
    result = outcome(CONFIG, content)
    shown = f"{result} {result.warnings}" if isinstance(result, Loaded) else str(result)
    assert SECRET not in shown
