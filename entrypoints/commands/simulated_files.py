"""The configuration for a simulated home, which marks it as one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from config.files import DEMO_MARK
from entrypoints.wiring.simulator import SimulatedHome

_CONFIG = """\
{mark}
# seed: {seed}
collectors:
  hue:
    {hue}
  amazon_aqm:
    enabled: true
    alexa_url: "{alexa_url}"
    api_url: "{alexa_url}"
    www_url: "{alexa_url}"
"""
_SECRETS = """\
{mark}
hue:
  {hue}
amazon_aqm:
  refresh_token: "{refresh_token}"
"""


def files_of(home: Path) -> tuple[Path, Path]:
    """Return where its configuration and its secrets are."""
    return home / "config" / "config.yaml", home / "config" / "secrets.yaml"


def write_files(home: Path, simulated: SimulatedHome, *, seed: int, more: str = "") -> None:
    """Write the configuration for the simulated home of that seed, with `more`."""
    config, secrets = files_of(home)
    bridges, alexa = simulated.bridges, simulated.alexa
    if len(bridges) == 1:
        hue = f'bridge_ip: "{simulated.bridge.address}"'
        keys = f'api_key: "{simulated.bridge.key}"\n  bridge_id: "{simulated.bridge.id}"'
    else:
        hue = _listed(f'id: {one.id}, address: "{one.address}"' for one in bridges)
        keys = _listed(f"id: {one.id}, api_key: {one.key}" for one in bridges)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(mark=DEMO_MARK, seed=seed, hue=hue, alexa_url=alexa.url) + more)
    secrets.touch(mode=0o600)
    secrets.write_text(_SECRETS.format(mark=DEMO_MARK, hue=keys, refresh_token=alexa.refresh_token))
    # State of the last run: what was learned about its services, and their tokens.
    (home / "data" / "state.json").unlink(missing_ok=True)


def _listed(bridges: Iterable[str]) -> str:
    return f"bridges: [{', '.join(f'{{{one}}}' for one in bridges)}]"
