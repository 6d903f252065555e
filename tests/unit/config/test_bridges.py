"""The bridges of a home, and the key of each."""

from __future__ import annotations

import pytest

from config.bridges import Bridge, bridges_of
from config.secrets import BridgeSecrets, HueSecrets, Secret
from config.settings import BridgeSettings, CollectorsSettings, HueSettings, Settings

FIRST, SECOND = "001788fffe111111", "001788fffe222222"


def settings(**hue: object) -> Settings:
    return Settings(collectors=CollectorsSettings(hue=HueSettings(**hue)))  # type: ignore[arg-type]


def test_old_form_has_one_bridge_with_its_id_and_key_from_the_secrets() -> None:
    secrets = HueSecrets(api_key=Secret("key"), bridge_id=FIRST)
    assert bridges_of(settings(bridge_ip="192.168.1.2"), secrets) == (
        Bridge(id=FIRST, address="192.168.1.2", certificate_sha256=None, api_key=Secret("key")),
    )


def test_address_in_the_oldest_secrets_counts_unless_the_settings_have_one() -> None:
    secrets = HueSecrets(api_key=Secret("key"), bridge_ip="192.168.1.3")
    assert bridges_of(settings(), secrets)[0].address == "192.168.1.3"
    assert bridges_of(settings(bridge_ip="192.168.1.2"), secrets)[0].address == "192.168.1.2"


@pytest.mark.parametrize(
    ("listed", "old_key_of", "own_keys", "expected"),
    [
        ((FIRST, SECOND), None, {SECOND: "two", FIRST: "one"}, ["one", "two"]),
        ((FIRST, SECOND), SECOND, {}, [None, "old"]),
        ((FIRST, SECOND), None, {}, [None, None]),
        ((FIRST,), None, {}, ["old"]),
        ((FIRST,), SECOND, {}, [None]),
        ((FIRST,), FIRST, {FIRST: "own"}, ["own"]),
    ],
)
def test_listed_bridge_has_its_own_key_or_the_old_one_that_is_for_it(
    listed: tuple[str, ...], old_key_of: str | None, own_keys: dict[str, str], expected: list[str | None]
) -> None:
    secrets = HueSecrets(
        api_key=Secret("old"),
        bridge_id=old_key_of,
        bridges=tuple(BridgeSecrets(id=each, api_key=Secret(key)) for each, key in own_keys.items()),
    )
    bridges = bridges_of(settings(bridges=tuple(BridgeSettings(id=each) for each in listed)), secrets)
    assert [each.api_key and each.api_key.value for each in bridges] == expected
