"""A secret does not show itself."""

from __future__ import annotations

from config.secrets import AmazonAqmSecrets, BridgeSecrets, HueSecrets, Secret, Secrets

HIDDEN = "do-not-show-me"


def test_no_way_of_showing_a_secret_shows_it() -> None:
    secret = Secret(HIDDEN)
    everything = Secrets(
        hue=HueSecrets(api_key=secret, bridges=(BridgeSecrets(id="0" * 16, api_key=secret),)),
        amazon_aqm=AmazonAqmSecrets(cookies={"at-main": secret, HIDDEN: secret}, refresh_token=secret),
    )
    for shown in (secret, everything):
        assert HIDDEN not in f"{shown} {shown!r} {[shown]}" + "%s %r" % (shown, shown)  # noqa: UP031 - each way counts


def test_a_redactor_gets_every_secret() -> None:
    secrets = Secrets(
        hue=HueSecrets(api_key=Secret("a"), bridges=(BridgeSecrets(id="0" * 16, api_key=Secret("b")),)),
        amazon_aqm=AmazonAqmSecrets(cookies={"at-main": Secret("c")}, refresh_token=Secret("d")),
    )
    assert sorted(secrets.values()) == ["a", "b", "c", "d"]
    assert list(Secrets().values()) == []
