"""The names of a home's sources, and which of them a person means."""

from __future__ import annotations

from collections.abc import Sequence

from config.loading import Loaded
from domain.errors import SettingsError

AMAZON = "amazon"


def hue_names(loaded: Loaded) -> Sequence[str]:
    """Return the name of each bridge as a source; the only bridge of a home is called `hue`."""
    has_several = len(loaded.bridges) > 1
    return [f"hue:{bridge.id}" if has_several else "hue" for bridge in loaded.bridges]


def source_names(loaded: Loaded) -> frozenset[str]:
    """Return the names of the sources that the home collects from."""
    collectors = loaded.settings.collectors
    names = hue_names(loaded) if collectors.hue.enabled else ()
    return frozenset([*names, *([AMAZON] if collectors.amazon_aqm.enabled else [])])


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
