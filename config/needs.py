"""Whether the enabled collectors have the credentials that they cannot collect without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from config.bridges import Bridge, bridges_of
from config.faults import Place, Report
from config.files import is_missing
from config.packaged import path_of
from config.secrets import Secrets
from config.settings import Settings


def check_needs(settings: Settings, secrets: Secrets, path: Path, report: Report) -> None:
    """A fault when nothing at all could be collected, else a mistake: no source costs another its own."""
    needs = [*_hue_needs(settings, secrets), *_amazon_needs(settings, secrets)]
    missing = [need for need in needs if need]
    say = report.fault if missing and len(missing) == len(needs) else report.mistake
    _check_ping_url(secrets, path, report)
    example = path_of("secrets.example.yaml")
    no_file = f" (there is no such file yet; {example} is an example)" if is_missing(path) else ""
    for key, message in missing:
        say(Place(file=str(path), path=key), f"{message}{no_file}")


def _check_ping_url(secrets: Secrets, path: Path, report: Report) -> None:
    url = secrets.alerts.ping_url
    if url is not None and not url.value.startswith(("https://", "http://")):
        report.mistake(Place(file=str(path), path="alerts.ping_url"), "is no URL: it is not called")


_Need = tuple[str, str] | None  # the missing key and what to do; None for a source that has all it needs


def _hue_needs(settings: Settings, secrets: Secrets) -> Iterator[_Need]:
    if settings.collectors.hue.enabled:
        for bridge in bridges_of(settings, secrets.hue):
            yield (
                None if bridge.api_key else _hue_need(bridge, is_listed=bool(settings.collectors.hue.bridges))
            )


def _hue_need(bridge: Bridge, *, is_listed: bool) -> tuple[str, str]:
    key = "hue.bridges" if is_listed else "hue.api_key"
    which = f"has no api_key for the bridge {bridge.id}" if is_listed else "is missing"
    return key, f"{which}; run homeclimate setup, write its key here, or set collectors.hue.enabled to no"


def _amazon_needs(settings: Settings, secrets: Secrets) -> Iterator[_Need]:
    if settings.collectors.amazon_aqm.enabled:
        yield (
            None
            if secrets.amazon_aqm.are_given
            else (
                "amazon_aqm.refresh_token",
                "is missing, and so are the cookies; run homeclimate setup amazon, or disable amazon_aqm",
            )
        )
