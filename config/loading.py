"""Loads the files of a home, or reports everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs

from config.bridges import Bridge, bridges_of
from config.cross_checks import in_effect
from config.documents.problems import Place, Problem, Report, Severity, raise_if_fatal
from config.documents.structuring import structure
from config.documents.yaml_document import Document, overlay, parse
from config.files import check_is_private, file_version, is_missing, packaged_path, read_text
from config.secrets import COOKIE_NAMES, AlertSecrets, AmazonAqmSecrets, BridgeSecrets, HueSecrets, Secrets
from config.settings import Settings

_ENVIRONMENT = re.compile(r"[A-Za-z0-9_-]+")
PUBLIC_NAMES = COOKIE_NAMES.union(
    *(
        attrs.fields_dict(section)
        for section in (Secrets, HueSecrets, BridgeSecrets, AmazonAqmSecrets, AlertSecrets)
    )
)  # the keys of secrets.yaml that messages may quote


@attrs.frozen(kw_only=True)
class Loaded:
    """The settings and secrets of a home, and what a person should know about its files.

    `warnings` has everything; `notices` those of them that are enough to read once: keys that are unknown, or
    that have no effect or another one than is written.

    `is_other_configuration` means that a person named another file than the home's own, or an environment,
    whose name is `env`.
    """

    settings: Settings
    secrets: Secrets
    warnings: tuple[str, ...]
    notices: frozenset[str] = frozenset()
    config_path: Path
    secrets_path: Path
    is_other_configuration: bool = False
    env: str | None = None

    @property
    def home(self) -> Path:
        return self.secrets_path.parents[1]

    @property
    def bridges(self) -> tuple[Bridge, ...]:
        """The Hue bridges of the home, each with its key if there is one."""
        return bridges_of(self.settings, self.secrets.hue)


@attrs.frozen(kw_only=True)
class Inspection:
    """The readable part of a home's files, and all problems in them, by file and position.

    A file that could not be read leaves None in place of its `settings` or `secrets`.
    """

    settings: Settings | None
    secrets: Secrets | None
    problems: tuple[Problem, ...]
    config_path: Path
    secrets_path: Path
    is_other_configuration: bool = False
    env: str | None = None

    @property
    def home(self) -> Path:
        return self.secrets_path.parents[1]

    def loaded(self) -> Loaded:
        """Return what a program works with. Raise SettingsError with all problems."""
        raise_if_fatal(self.problems)
        if self.readable is None:
            raise AssertionError("a file could not be read, and no fatal problem was reported")
        return self.readable

    @property
    def readable(self) -> Loaded | None:
        """What both files hold, also if a fatal problem is reported, such as missing credentials."""
        if self.settings is None or self.secrets is None:
            return None
        return self.for_checks(self.settings)

    def for_checks(self, settings: Settings) -> Loaded:
        """Return the home with these settings, and without secrets if they cannot be read."""
        return Loaded(
            settings=settings,
            secrets=self.secrets or Secrets(),
            warnings=tuple(map(str, self.problems)),
            notices=frozenset(str(one) for one in self.problems if one.severity is Severity.WARNING),
            config_path=self.config_path,
            secrets_path=self.secrets_path,
            is_other_configuration=self.is_other_configuration,
            env=self.env,
        )


def load(
    home: Path, *, config_file: Path | None = None, env: str | None = None, needs_secrets: bool = True
) -> Loaded:
    """Return the settings and secrets of a home; see `inspect`. Raise SettingsError with all problems."""
    return inspect(home, config_file=config_file, env=env, needs_secrets=needs_secrets).loaded()


def load_to_read(home: Path, *, config_file: Path | None = None, env: str | None = None) -> Loaded:
    """Return what `load` returns, for a command that asks no source: unreadable secrets count as none."""
    found = inspect(home, config_file=config_file, env=env, needs_secrets=False)
    if found.settings is None or found.secrets is not None:
        return found.loaded()
    raise_if_fatal([one for one in found.problems if one.place.file != str(found.secrets_path)])
    return found.for_checks(found.settings)


def inspect(
    home: Path,
    *,
    config_file: Path | None = None,
    env: str | None = None,
    needs_secrets: bool = True,
    may_be_new: bool = False,
    unsaved: Mapping[Path, str] | None = None,
) -> Inspection:
    """Return the readable part of a home's files and their problems. Paths in the settings are absolute.

    `config_file` replaces config/config.yaml; `env` names an overlay in the same folder, `config.<env>.yaml`,
    that changes single keys. With `needs_secrets` it is fatal if no enabled collector has credentials, which
    commands that pair, or only read the database, can do without. A home that `may_be_new` has the defaults
    if it has no configuration. `unsaved` holds texts that replace those of the files.
    """
    home = home.absolute()
    config_path = (config_file or home / "config" / "config.yaml").absolute()
    secrets_path = home / "config" / "secrets.yaml"
    report = Report()
    files = _Files(report, unsaved or {})
    settings = _load_settings(config_path, env, files, may_be_new=may_be_new)
    secrets = _load_secrets(secrets_path, files)
    if settings is not None and secrets is not None and needs_secrets:
        _check_credentials(settings, secrets, secrets_path, report)
        _check_address(settings, secrets, config_path, report)
    if settings is not None and secrets is not None and settings.collectors.amazon_aqm.enabled:
        _check_token(secrets, secrets_path, report)
    return Inspection(
        settings=None if settings is None else settings.at(home),
        secrets=secrets,
        problems=report.problems,
        config_path=config_path,
        secrets_path=secrets_path,
        is_other_configuration=config_file is not None or bool(env),
        env=env,
    )


@attrs.frozen
class _Files:
    """The texts of files, saved or not, and the report on them."""

    report: Report
    unsaved: Mapping[Path, str]

    def lack(self, path: Path) -> bool:
        return path not in self.unsaved and is_missing(path)

    def text(self, path: Path, hint_if_missing: str = "") -> str | None:
        if path in self.unsaved:
            return self.unsaved[path]
        return read_text(path, self.report, hint_if_missing=hint_if_missing)


def _load_settings(path: Path, env: str | None, files: _Files, *, may_be_new: bool) -> Settings | None:
    next_step = ". Run `homeclimate setup` to make one, or name another home with --home"
    document = _load_sections(path, files, next_step, may_be_new=may_be_new)
    if env and not _ENVIRONMENT.fullmatch(env):
        message = "the name of an environment may contain letters, digits, - and _ only"
        files.report.fatal(Place(file=str(path)), message)
        return None
    if env:
        over_path = path.with_name(f"{path.stem}.{env}.yaml")
        over = _load_sections(over_path, files, f"; the environment {env} needs it")
        document = None if document is None or over is None else overlay(document, over)
    settings = None if document is None else structure(document, Settings, files.report)
    if document is None or settings is None:
        return None
    return in_effect(settings, document, files.report)


def _load_sections(
    path: Path, files: _Files, hint_if_missing: str, *, may_be_new: bool = False
) -> Document | None:
    text = "" if may_be_new and files.lack(path) else files.text(path, hint_if_missing)
    document = None if text is None else parse(text, str(path), files.report)
    if document is None or isinstance(document.content, dict):
        return document
    if document.content is not None:
        files.report.fatal(document.place(()), "must be sections (name: value), nothing else")
    elif may_be_new:
        return document
    else:
        files.report.fatal(document.place(()), "is empty; it needs at least one section, such as collectors:")
    return None


def _load_secrets(path: Path, files: _Files) -> Secrets | None:
    if files.lack(path):
        return Secrets()
    text = files.text(path)
    if text is None:
        return None
    if path not in files.unsaved:
        check_is_private(path, files.report)
    sections = attrs.fields_dict(Secrets)
    document = parse(text, str(path), files.report, sections=sections, public_names=PUBLIC_NAMES)
    return (
        None
        if document is None
        else structure(document, Secrets, files.report, ignores_unknown=True, dispensable="alerts")
    )


def _check_credentials(settings: Settings, secrets: Secrets, path: Path, report: Report) -> None:
    """Report missing credentials: fatal if nothing can be collected, as no source stops another."""
    needed = [*_hue_credentials(settings, secrets), *_amazon_credentials(settings, secrets)]
    missing = [each for each in needed if each is not None]
    add = report.fatal if missing and len(missing) == len(needed) else report.error
    example = packaged_path("secrets.example.yaml")
    no_file = f" (there is no such file yet; {example} is an example)" if is_missing(path) else ""
    for key, message in missing:
        add(Place(file=str(path), path=key), f"{message}{no_file}")
    if secrets.alerts.ping_url is not None and not secrets.alerts.is_ping_url_usable:
        report.error(Place(file=str(path), path="alerts.ping_url"), "is not a URL, so it is not called")


def _check_address(settings: Settings, secrets: Secrets, path: Path, report: Report) -> None:
    """Report the only bridge of an old home if it has no address in either file and must not be found."""
    hue = settings.collectors.hue
    (bridge, *others) = bridges_of(settings, secrets.hue)
    if hue.enabled and not hue.auto_discover and bridge.address is None and not (hue.bridges or others):
        place = Place(file=str(path), path="collectors.hue.auto_discover")
        report.fatal(place, "is off, and a bridge has no address; give it one")


def _check_token(secrets: Secrets, path: Path, report: Report) -> None:
    """Report a refresh token that is not sent, or not as it is written."""
    token, place = secrets.amazon_aqm.refresh_token, Place(file=str(path), path="amazon_aqm.refresh_token")
    if token is not None and token.problem:
        report.error(place, f"{token.problem}. It is not sent")
    elif token is not None and token.repairs:
        report.warning(place, f"is read without the {' and the '.join(token.repairs)}")


_Missing = tuple[str, str] | None  # the key and what to do; None for a source that has what it needs


def _hue_credentials(settings: Settings, secrets: Secrets) -> Iterator[_Missing]:
    hue = settings.collectors.hue
    next_step = "run homeclimate setup, write its key here, or set collectors.hue.enabled to no"
    for bridge in bridges_of(settings, secrets.hue) if hue.enabled else ():
        if bridge.api_key:
            yield None
        elif hue.bridges:
            yield "hue.bridges", f"has no api_key for the bridge {bridge.id}; {next_step}"
        else:
            yield "hue.api_key", f"is missing; {next_step}"


def _amazon_credentials(settings: Settings, secrets: Secrets) -> Iterator[_Missing]:
    if settings.collectors.amazon_aqm.enabled:
        next_step = "run homeclimate setup amazon, or disable amazon_aqm"
        missing = "amazon_aqm.refresh_token", f"is missing, and so are the cookies; {next_step}"
        yield None if secrets.amazon_aqm.are_given else missing


class CurrentSecrets:
    """Reads secrets.yaml again after it has changed. A file that cannot be read leaves what was known.

    `on_change` is called with the new secrets before anybody else sees them. `known` is the home as it was
    when the file was looked at last.
    """

    def __init__(self, loaded: Loaded, on_change: Callable[[Secrets], None]) -> None:
        self.known = loaded
        self._on_change = on_change
        self._version = file_version(loaded.secrets_path)

    def loaded(self) -> Loaded:
        """Return the home with its present secrets."""
        version = file_version(self.known.secrets_path)
        if version != self._version:
            self._version = version
            secrets = inspect(self.known.home, needs_secrets=False).secrets
            if secrets is not None and version is not None:
                self._on_change(secrets)
                self.known = attrs.evolve(self.known, secrets=secrets)
        return self.known
