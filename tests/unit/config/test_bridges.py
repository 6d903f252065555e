"""Which bridges a home has, and which key is for which."""

from __future__ import annotations

from config.bridges import Bridge, bridges_of
from config.collector_settings import BridgeSettings, CollectorsSettings, HueSettings
from config.secrets import BridgeSecrets, HueSecrets, Secret
from config.settings import Settings

FIRST, SECOND = "001788fffe111111", "001788fffe222222"


def settings(**hue: object) -> Settings:
    return Settings(collectors=CollectorsSettings(hue=HueSettings(**hue)))  # type: ignore[arg-type]


def two_bridges() -> Settings:
    return settings(bridges=(BridgeSettings(id=FIRST, address="a"), BridgeSettings(id=SECOND, address="b")))


def test_the_old_form_has_one_bridge_with_the_id_and_the_key_of_the_secrets() -> None:
    secrets = HueSecrets(api_key=Secret("key"), bridge_id=FIRST)
    assert bridges_of(settings(bridge_ip="192.168.1.2"), secrets) == (
        Bridge(id=FIRST, address="192.168.1.2", certificate_sha256=None, api_key=Secret("key")),
    )


def test_each_listed_bridge_has_its_own_key() -> None:
    secrets = HueSecrets(
        bridges=(
            BridgeSecrets(id=SECOND, api_key=Secret("two")),
            BridgeSecrets(id=FIRST, api_key=Secret("one")),
        )
    )
    assert [bridge.api_key for bridge in bridges_of(two_bridges(), secrets)] == [Secret("one"), Secret("two")]


def test_a_listed_bridge_that_the_old_secrets_name_has_the_old_key() -> None:
    secrets = HueSecrets(api_key=Secret("old"), bridge_id=SECOND)
    assert [bridge.api_key for bridge in bridges_of(two_bridges(), secrets)] == [None, Secret("old")]


def test_a_key_that_names_no_bridge_goes_to_no_bridge_of_several() -> None:
    assert [bridge.api_key for bridge in bridges_of(two_bridges(), HueSecrets(api_key=Secret("old")))] == [
        None,
        None,
    ]


def test_a_key_that_names_no_bridge_goes_to_the_only_one_listed() -> None:
    only = settings(bridges=(BridgeSettings(id=FIRST),))
    (bridge,) = bridges_of(only, HueSecrets(api_key=Secret("old")))
    assert bridge.api_key == Secret("old")


def test_a_key_of_another_bridge_is_not_given_to_the_only_one_listed() -> None:
    only = settings(bridges=(BridgeSettings(id=FIRST),))
    (bridge,) = bridges_of(only, HueSecrets(api_key=Secret("old"), bridge_id=SECOND))
    assert bridge.api_key is None
