"""The sources of a home: their names and kinds, and which of them a person means."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

import attrs

from config.bridges import bridges_of
from config.loading import Loaded
from config.secrets import HueSecrets, Secrets
from config.settings import Settings
from domain.errors import SettingsError

HUE, AMAZON = "hue", "amazon"


@attrs.frozen(kw_only=True)
class ConfiguredSource:
    """A source that a home can have, enabled or not; `kind` is HUE or AMAZON."""

    name: str
    kind: str
    is_enabled: bool
    interval_s: int
    has_credentials: bool


def configured_sources(settings: Settings, secrets: Secrets | None) -> Sequence[ConfiguredSource]:
    """Return each bridge, and the account. Without readable `secrets` none has credentials."""
    collectors = settings.collectors
    bridges = bridges_of(settings, secrets.hue if secrets else HueSecrets())
    hue = [
        ConfiguredSource(
            name=name,
            kind=HUE,
            is_enabled=collectors.hue.enabled,
            interval_s=settings.hue_interval_s,
            has_credentials=bridge.api_key is not None,
        )
        for name, bridge in zip(_bridge_names([each.id for each in bridges]), bridges, strict=True)
    ]
    amazon = ConfiguredSource(
        name=AMAZON,
        kind=AMAZON,
        is_enabled=collectors.amazon_aqm.enabled,
        interval_s=settings.amazon_aqm_interval_s,
        has_credentials=secrets is not None and secrets.amazon_aqm.are_given,
    )
    return [*hue, amazon]


def intervals(settings: Settings) -> Mapping[str, timedelta]:
    """Return the intervals of the enabled sources, by name."""
    sources = configured_sources(settings, None)
    return {each.name: timedelta(seconds=each.interval_s) for each in sources if each.is_enabled}


def hue_names(loaded: Loaded) -> Sequence[str]:
    """Return the name of each bridge as a source; the only bridge of a home is called `hue`."""
    return _bridge_names([bridge.id for bridge in loaded.bridges])


def credential_mark(loaded: Loaded, source: str) -> str:
    """Return a mark of what a source signs in with, and where; it reveals nothing of either."""
    if source == AMAZON:
        aqm, secrets = loaded.settings.collectors.amazon_aqm, loaded.secrets.amazon_aqm
        token = secrets.refresh_token.value if secrets.refresh_token else ""
        cookies = sorted((name, cookie.value) for name, cookie in secrets.cookies.items())
        parts = repr((aqm.domain, aqm.alexa_url, aqm.api_url, aqm.www_url, token, cookies))
    else:
        bridges = zip(hue_names(loaded), loaded.bridges, strict=True)
        keys = [(bridge.id, bridge.api_key) for name, bridge in bridges if name == source]
        parts = repr([(identity, key.value if key else "") for identity, key in keys])
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:16]


def _bridge_names(ids: Sequence[str | None]) -> Sequence[str]:
    return [f"{HUE}:{each}" for each in ids] if len(ids) > 1 else [HUE]


def source_names(loaded: Loaded) -> frozenset[str]:
    """Return the names of the sources that the home collects from."""
    sources = configured_sources(loaded.settings, loaded.secrets)
    return frozenset(each.name for each in sources if each.is_enabled)


def names_at_any_time(loaded: Loaded) -> Sequence[str]:
    """Return every name of a source of this home: that of a bridge changes when there is a second one."""
    return [AMAZON, HUE, *(f"{HUE}:{bridge.id}" for bridge in loaded.bridges)]


def is_called(name: str, wanted: str) -> bool:
    """Return whether a source of that name is meant; `hue` means every `hue:...` too."""
    return name == wanted or name.startswith(f"{wanted}:")


def chosen_names(names: Sequence[str], wanted: Sequence[str]) -> Sequence[str]:
    """Return the names that are wanted, all if `wanted` is empty. Raise SettingsError for an unknown one."""
    unknown = [one for one in wanted if not any(is_called(name, one) for name in names)]
    if unknown or not names:
        known = f"there are: {', '.join(names)}" if names else "no collector is enabled that can collect"
        problem = f"there is no source {', '.join(unknown)} in this home; " if unknown else ""
        raise SettingsError(f"{problem}{known} (collectors in config/config.yaml)")
    return [name for name in names if not wanted or any(is_called(name, one) for one in wanted)]
