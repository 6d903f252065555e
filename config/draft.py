"""Changes to a home's two files that are not saved yet, such as those of pairing a bridge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from config.bridges import Bridge
from config.documents.editing import Change, edited
from config.files import read_bytes
from config.loading import Loaded, inspect
from config.secrets import HueSecrets, Secret
from config.settings import HueSettings

_NEW_CONFIG = """\
# What differs in this home from the defaults. docs/reference/configuration.md explains every key.
"""
_NEW_SECRETS = """\
# Keys and tokens of this home. Show them to nobody, and keep this file out of git.
"""
_HUE = ("collectors", "hue")


@attrs.frozen(kw_only=True)
class Changes:
    """The changes to each of the two files."""

    config: tuple[Change, ...] = ()
    secrets: tuple[Change, ...] = ()


@attrs.frozen(kw_only=True)
class FileDraft:
    """A text file. `before` is its content on disk, None if it does not exist."""

    path: Path
    before: bytes | None
    text: str = attrs.field(repr=False)

    @property
    def is_changed(self) -> bool:
        return self.text.encode() != self.before


@attrs.frozen(kw_only=True)
class Draft:
    """A home with unsaved changes. `loaded` is what the program would read after saving them."""

    home: Path
    config: FileDraft
    secrets: FileDraft
    loaded: Loaded

    def with_changes(self, changes: Changes) -> Draft:
        """Return the draft with further changes. Raise SettingsError if they cannot be made."""
        config, secrets = (
            attrs.evolve(file, text=edited(file.text, of_file, str(file.path)))
            for file, of_file in ((self.config, changes.config), (self.secrets, changes.secrets))
        )
        loaded = _load(self.home, {file.path: file.text for file in (config, secrets) if file.is_changed})
        return attrs.evolve(self, config=config, secrets=secrets, loaded=loaded)

    @property
    def changed_files(self) -> tuple[FileDraft, ...]:
        """The files to save, the secrets first: a key that nothing refers to yet does no harm."""
        return tuple(file for file in (self.secrets, self.config) if file.is_changed)


def draft_of(home: Path) -> Draft:
    """Return a draft without changes. The home may be empty. Raise SettingsError if its files are invalid."""
    loaded = _load(home, {})
    return Draft(
        home=home,
        config=_file(loaded.config_path, _NEW_CONFIG),
        secrets=_file(loaded.secrets_path, _NEW_SECRETS),
        loaded=loaded,
    )


def _load(home: Path, unsaved: Mapping[Path, str]) -> Loaded:
    return inspect(home, needs_secrets=False, may_be_new=True, unsaved=unsaved).loaded()


def _file(path: Path, text_if_new: str) -> FileDraft:
    before = read_bytes(path) if path.exists() else None
    return FileDraft(path=path, before=before, text=text_if_new if before is None else before.decode())


def is_another_bridge(hue: HueSettings, secrets: HueSecrets, bridge_id: str) -> bool:
    """Return whether the home has a bridge, and this is a different one."""
    if hue.bridges:
        return all(bridge.id != bridge_id for bridge in hue.bridges)
    return secrets.bridge_id not in (None, bridge_id)


def pairing_changes(
    hue: HueSettings, secrets: HueSecrets, bridge: Bridge, *, replaces: bool = False
) -> Changes:
    """Return the changes that let the home collect from a bridge whose id, address and key are known.

    A home with one bridge keeps the old form of both files, unless the bridge needs a pinned certificate.
    Another bridge is added to those of the home, or takes the place of the only one if it `replaces` that.
    """
    secret_changes = key_changes(hue, secrets, bridge).secrets
    if hue.bridges:
        config = _change_listed(hue, bridge)
    elif is_another_bridge(hue, secrets, bridge.id or "") and not replaces:
        address = hue.bridge_ip or secrets.bridge_ip
        first = Bridge(id=secrets.bridge_id, address=address, certificate_sha256=None, api_key=None)
        config = _start_list(hue, first, bridge)
        secret_changes = tuple(_change_key_of_several(hue, secrets, bridge))
    elif bridge.certificate_sha256 is not None:
        config = _start_list(hue, bridge)
    else:
        config = _change((*_HUE, "bridge_ip"), hue.bridge_ip, bridge.address)
    return Changes(config=(*_change((*_HUE, "enabled"), hue.enabled, True), *config), secrets=secret_changes)


def key_changes(hue: HueSettings, secrets: HueSecrets, bridge: Bridge) -> Changes:
    """Return the changes that give a bridge of the home a new key, and nothing else."""
    if hue.bridges:
        return Changes(secrets=tuple(_change_key_of_several(hue, secrets, bridge)))
    key = _change(("hue", "api_key"), _text(secrets.api_key), _text(bridge.api_key))
    return Changes(secrets=(*key, *_change(("hue", "bridge_id"), secrets.bridge_id, bridge.id)))


def _change(path: tuple[str | int, ...], before: object, after: str | bool | None) -> Iterator[Change]:
    if before != after:
        yield Change(path, after)


def _start_list(hue: HueSettings, *bridges: Bridge) -> Iterator[Change]:
    yield from _change((*_HUE, "bridge_ip"), hue.bridge_ip, None)
    for index, bridge in enumerate(bridges):
        yield Change((*_HUE, "bridges", index), _entry(bridge))


def _change_listed(hue: HueSettings, bridge: Bridge) -> Iterator[Change]:
    for index, listed in enumerate(hue.bridges):
        if listed.id == bridge.id:
            path = (*_HUE, "bridges", index)
            yield from _change((*path, "address"), listed.address, bridge.address)
            pins = listed.certificate_sha256, bridge.certificate_sha256
            yield from _change((*path, "certificate_sha256"), *pins)
            return
    yield Change((*_HUE, "bridges", len(hue.bridges)), _entry(bridge))


def _entry(bridge: Bridge) -> Mapping[str, str]:
    fields = {"id": bridge.id, "address": bridge.address, "certificate_sha256": bridge.certificate_sha256}
    return {name: value for name, value in fields.items() if value is not None}


def _change_key_of_several(hue: HueSettings, secrets: HueSecrets, bridge: Bridge) -> Iterator[Change]:
    """Replace the bridge's key where it is, or add an entry."""
    key = _text(bridge.api_key)
    for index, each in enumerate(secrets.bridges):
        if each.id == bridge.id:
            yield from _change(("hue", "bridges", index, "api_key"), _text(each.api_key), key)
            return
    is_only = secrets.bridge_id is None and [each.id for each in hue.bridges] == [bridge.id]
    if secrets.api_key is not None and (secrets.bridge_id == bridge.id or is_only):
        yield from _change(("hue", "api_key"), secrets.api_key.value, key)
    else:
        yield Change(("hue", "bridges", len(secrets.bridges)), {"id": bridge.id, "api_key": key})


def _text(secret: Secret | None) -> str | None:
    return secret.value if secret else None
