"""Turns the files of a home into its settings and secrets, or says everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from config import packaged
from config.bridges import Bridge, bridges_of
from config.faults import Place, Remark, Report, stop_on_faults
from config.files import complain_if_readable_by_others, is_missing, text_of
from config.needs import check_needs
from config.secrets import COOKIE_NAMES, AmazonAqmSecrets, BridgeSecrets, HueSecrets, Secrets
from config.settings import Settings
from config.yaml_nodes import Node, Scalar, Table, overlaid
from config.yaml_reading import parse
from domain.values import frozen

_ENVIRONMENT = re.compile(r"[A-Za-z0-9_-]+")
NAMEABLE = COOKIE_NAMES.union(
    *(attrs.fields_dict(section) for section in (Secrets, HueSecrets, BridgeSecrets, AmazonAqmSecrets))
)


@frozen(kw_only=True)
class Loaded:
    """What the files of a home say, and what a person should be told of them, once."""

    settings: Settings
    secrets: Secrets
    warnings: tuple[str, ...]
    config_path: Path
    secrets_path: Path

    @property
    def home(self) -> Path:
        return self.secrets_path.parents[1]

    @property
    def bridges(self) -> tuple[Bridge, ...]:
        """The Hue bridges of the home, each with its key where there is one."""
        return bridges_of(self.settings, self.secrets.hue)


@frozen(kw_only=True)
class Inspection:
    """What can be read in the files of a home, and all that is to be said of them, by file and position.

    `settings` and `secrets` are None where their file comes to nothing.
    """

    settings: Settings | None
    secrets: Secrets | None
    remarks: tuple[Remark, ...]
    config_path: Path
    secrets_path: Path

    def loaded(self) -> Loaded:
        """What a program works with. Raises SettingsError with all faults."""
        stop_on_faults(self.remarks)
        if self.settings is None or self.secrets is None:
            raise AssertionError("a file came to nothing, and no fault was reported")
        return Loaded(
            settings=self.settings,
            secrets=self.secrets,
            warnings=tuple(str(remark) for remark in self.remarks),
            config_path=self.config_path,
            secrets_path=self.secrets_path,
        )


def load(
    home: Path,
    *,
    config_file: Path | None = None,
    env: str | None = None,
    needs_secrets: bool = True,
    may_be_new: bool = False,
    unsaved: Mapping[Path, str] | None = None,
) -> Loaded:
    """The settings and secrets of a home; see `inspect`. Raises SettingsError with all faults."""
    return inspect(
        home,
        config_file=config_file,
        env=env,
        needs_secrets=needs_secrets,
        may_be_new=may_be_new,
        unsaved=unsaved,
    ).loaded()


def inspect(
    home: Path,
    *,
    config_file: Path | None = None,
    env: str | None = None,
    needs_secrets: bool = True,
    may_be_new: bool = False,
    unsaved: Mapping[Path, str] | None = None,
) -> Inspection:
    """What the files of a home say, whatever is wrong with them; paths in the settings are absolute.

    `config_file` stands in for config/config.yaml; `env` names an overlay beside it, `config.<env>.yaml`,
    that changes single keys. With `needs_secrets` it is a fault when no enabled collector has its
    credentials; what pairs, or only reads the database, does without. A home that `may_be_new` has the
    defaults where it has no configuration. `unsaved` holds texts that count in place of those of the files.
    """
    home = home.absolute()
    config_path = (config_file or home / "config" / "config.yaml").absolute()
    secrets_path = home / "config" / "secrets.yaml"
    report = Report()
    files = _Files(report, unsaved or {})
    settings = _settings(_config_node(config_path, env, files, may_be_new=may_be_new), report)
    secrets = _secrets(secrets_path, files)
    if settings is not None and secrets is not None and needs_secrets:
        check_needs(settings, secrets, secrets_path, report)
    return Inspection(
        settings=None if settings is None else settings.at(home),
        secrets=secrets,
        remarks=report.remarks,
        config_path=config_path,
        secrets_path=secrets_path,
    )


@frozen
class _Files:
    """Where texts come from, and where what is wrong with them is told."""

    report: Report
    unsaved: Mapping[Path, str]

    def are_without(self, path: Path) -> bool:
        return path not in self.unsaved and is_missing(path)

    def text(self, path: Path, hint_if_missing: str = "") -> str | None:
        if path in self.unsaved:
            return self.unsaved[path]
        return text_of(path, self.report, hint_if_missing=hint_if_missing)


def _config_node(path: Path, env: str | None, files: _Files, *, may_be_new: bool) -> Node | None:
    next_step = (
        f"; to begin, run homeclimate setup, or copy {packaged.path_of('default.yaml')} there and change what"
        " differs in your home, or name the home with --home, or the file with --config"
    )
    is_new = may_be_new and files.are_without(path)
    node = Table(Place(file=str(path))) if is_new else _parsed(path, files, next_step, may_be_new)
    if not env:
        return node
    if not _ENVIRONMENT.fullmatch(env):
        files.report.fault(
            Place(file=str(path)), "the name of an environment has letters, digits, - and _ only"
        )
        return None
    over = _parsed(path.with_name(f"{path.stem}.{env}.yaml"), files, f"; the environment {env} needs it")
    return None if node is None or over is None else overlaid(node, over)


def _parsed(path: Path, files: _Files, hint_if_missing: str, may_be_empty: bool = False) -> Table | None:
    text = files.text(path, hint_if_missing)
    node = None if text is None else parse(text, str(path), files.report)
    if node is None or isinstance(node, Table):
        return node
    if isinstance(node, Scalar) and node.kind == "nothing":
        if may_be_empty:
            return Table(node.place)
        files.report.fault(node.place, "is empty; it needs at least one section, such as collectors:")
    else:
        files.report.fault(node.place, "must be sections (name: value), nothing else")
    return None


def _settings(node: Node | None, report: Report) -> Settings | None:
    from config.structuring import structured  # cattrs takes longer to import than all the rest here

    return None if node is None else structured(node, Settings, report)


def _secrets(path: Path, files: _Files) -> Secrets | None:
    from config.structuring import structured

    if files.are_without(path):
        return Secrets()
    text = files.text(path)
    if text is None:
        return None
    if path not in files.unsaved:
        complain_if_readable_by_others(path, files.report)
    aside = Report()
    node = parse(text, str(path), aside, shown=NAMEABLE.__contains__)
    files.report.take_over(aside, of_sections=frozenset(attrs.fields_dict(Secrets)))
    if node is None:
        return None
    return structured(_used(node), Secrets, files.report, may_hold_others=True)


def _used(node: Node) -> Node:
    """The sections that the program uses. Nobody is told of the others: they are none of its business."""
    if not isinstance(node, Table):
        return node
    used = Table(node.place)
    for name in attrs.fields_dict(Secrets):
        if name in node:
            used.put(name, node.key_places[name], node[name])
    return used
