"""A home's two files as they stand, and as they would stand after some changes."""

from __future__ import annotations

from pathlib import Path

import attrs

from config.bridge_changes import Changes
from config.editing import edited
from config.loading import Loaded, load
from domain.values import frozen

_NEW_CONFIG = """\
# What differs in this home from the defaults. docs/reference/configuration.md tells every key.
"""
_NEW_SECRETS = """\
# Keys and tokens of this home: for nobody else's eyes, and not for git.
"""


@frozen(kw_only=True)
class FileDraft:
    """A text file. `before` is what it holds, None where there is none yet."""

    path: Path
    before: bytes | None
    text: str = attrs.field(repr=False)

    @property
    def is_changed(self) -> bool:
        return self.text.encode() != self.before


@frozen(kw_only=True)
class Draft:
    """Changes of a home that are not saved. `loaded` is the home with them, as the program would read it."""

    home: Path
    config: FileDraft
    secrets: FileDraft
    loaded: Loaded

    def with_changes(self, changes: Changes) -> Draft:
        """The draft with these changes too. Raises SettingsError where they cannot be made."""
        config = attrs.evolve(
            self.config, text=edited(self.config.text, changes.config, str(self.config.path))
        )
        secrets = attrs.evolve(
            self.secrets, text=edited(self.secrets.text, changes.secrets, str(self.secrets.path))
        )
        unsaved = {each.path: each.text for each in (config, secrets) if each.is_changed}
        loaded = load(self.home, needs_secrets=False, may_be_new=True, unsaved=unsaved)
        return attrs.evolve(self, config=config, secrets=secrets, loaded=loaded)

    @property
    def changed_files(self) -> tuple[FileDraft, ...]:
        """The secrets first: a key that nothing mentions yet does no harm."""
        return tuple(each for each in (self.secrets, self.config) if each.is_changed)


def draft_of(home: Path) -> Draft:
    """The home as it stands, which may be empty. Raises SettingsError with all faults of its files."""
    loaded = load(home, needs_secrets=False, may_be_new=True)
    return Draft(
        home=home,
        config=_file(loaded.config_path, _NEW_CONFIG),
        secrets=_file(loaded.secrets_path, _NEW_SECRETS),
        loaded=loaded,
    )


def _file(path: Path, text_if_new: str) -> FileDraft:
    before = path.read_bytes() if path.exists() else None
    return FileDraft(path=path, before=before, text=text_if_new if before is None else before.decode())
