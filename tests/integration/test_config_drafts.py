"""What pairing changes in a home's two files, and that the program reads them as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.bridge_changes import Changes, changes_for, is_stranger, key_changes_for
from config.bridges import Bridge
from config.draft import Draft, draft_of
from config.editing import Change
from config.secrets import Secret
from domain.errors import SettingsError
from tests.support.config_homes import OLD_CONFIG, write_home

ID, OTHER, THIRD = "001788fffe123456", "ecb5fafffe654321", "c42996fffe111111"
PIN = "ab" * 32
OLD_SECRETS = f"""\
# signed in on a Tuesday
hue:
  api_key: made-up-hue-key   # of the hall
  bridge_id: {ID.upper()}
nest: {{client_id: 5, client_id: 6, token: !vault xyz}}
amazon_aqm:
  cookies:
    session-id: 123-1234567-1234567
"""
TWO_BRIDGES = f"""\
collectors:
  hue:
    bridges:
      - id: {ID}
        address: a
      - {{id: {OTHER}, address: b}}
"""


def a_bridge(bridge_id: str = ID, address: str = "192.0.2.1", pin: str | None = None) -> Bridge:
    return Bridge(
        id=bridge_id, address=address, certificate_sha256=pin, api_key=Secret("new-key-of-a-bridge")
    )


def paired(draft: Draft, bridge: Bridge, *, replaces: bool = False) -> Draft:
    hue, secrets = draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue
    return draft.with_changes(changes_for(hue, secrets, bridge, replaces=replaces))


def with_a_new_key(draft: Draft, bridge: Bridge) -> Draft:
    hue, secrets = draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue
    return draft.with_changes(key_changes_for(hue, secrets, bridge))


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_a_new_home_gets_both_files(tmp_path: Path) -> None:
    draft = paired(draft_of(tmp_path), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    assert draft.config.text.endswith('collectors:\n  hue:\n    bridge_ip: "192.0.2.1"\n')
    assert draft.secrets.text.endswith(f'hue:\n  api_key: "new-key-of-a-bridge"\n  bridge_id: "{ID}"\n')
    assert [file.before for file in draft.changed_files] == [None, None]
    assert list(tmp_path.iterdir()) == []


def test_a_self_signed_bridge_of_a_new_home_is_pinned(tmp_path: Path) -> None:
    draft = paired(draft_of(tmp_path), a_bridge(pin=PIN))
    assert draft.loaded.bridges == (a_bridge(pin=PIN),)


def test_an_earlier_systems_home_keeps_every_line_but_those_of_the_bridge(tmp_path: Path) -> None:
    draft = paired(draft_of(write_home(tmp_path, OLD_CONFIG, OLD_SECRETS)), a_bridge())
    assert changed_lines(OLD_CONFIG, draft.config.text) == (
        ["    bridge_ip: null"],
        ['    bridge_ip: "192.0.2.1"'],
    )
    assert changed_lines(OLD_SECRETS, draft.secrets.text) == (
        ["  api_key: made-up-hue-key   # of the hall"],
        ['  api_key: "new-key-of-a-bridge"   # of the hall'],
    )
    assert draft.loaded.bridges == (a_bridge(),)


def test_a_pin_takes_the_place_of_the_address_of_an_earlier_systems_home(tmp_path: Path) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 192.0.2.7")
    draft = paired(draft_of(write_home(tmp_path, config, OLD_SECRETS)), a_bridge(pin=PIN))
    assert draft.loaded.bridges == (a_bridge(pin=PIN),)
    assert "    bridge_ip: null\n" in draft.config.text


def test_a_home_that_is_right_already_is_left_alone(tmp_path: Path) -> None:
    config = "collectors: {hue: {bridge_ip: 192.0.2.1}}\n"
    secrets = f"hue: {{api_key: new-key-of-a-bridge, bridge_id: {ID}}}\n"
    draft = draft_of(write_home(tmp_path, config, secrets))
    assert paired(draft, a_bridge()).changed_files == ()
    assert with_a_new_key(draft, a_bridge()).changed_files == ()


def test_a_second_bridge_stands_beside_the_first(tmp_path: Path) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 192.0.2.7")
    draft = draft_of(write_home(tmp_path, config, OLD_SECRETS))
    assert is_stranger(draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue, OTHER)
    assert paired(draft, a_bridge(OTHER)).loaded.bridges == (
        Bridge(id=ID, address="192.0.2.7", certificate_sha256=None, api_key=Secret("made-up-hue-key")),
        a_bridge(OTHER),
    )


def test_a_new_bridge_may_take_the_place_of_the_only_one(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, OLD_CONFIG, OLD_SECRETS))
    assert paired(draft, a_bridge(OTHER), replaces=True).loaded.bridges == (a_bridge(OTHER),)


def test_a_listed_bridge_gets_its_address_its_pin_and_its_key(tmp_path: Path) -> None:
    secrets = f"hue:\n  bridges:\n    - {{id: {ID}, api_key: one}}\n    - {{id: {OTHER}, api_key: two}}\n"
    draft = draft_of(write_home(tmp_path, TWO_BRIDGES, secrets))
    after = paired(draft, a_bridge(OTHER, pin=PIN))
    assert after.loaded.bridges == (draft.loaded.bridges[0], a_bridge(OTHER, pin=PIN))
    assert paired(after, a_bridge(OTHER)).loaded.bridges[1] == a_bridge(OTHER)


def test_a_third_bridge_is_listed_after_the_others(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, TWO_BRIDGES, OLD_SECRETS))
    assert is_stranger(draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue, THIRD)
    after = paired(draft, a_bridge(THIRD))
    assert after.loaded.bridges == (*draft.loaded.bridges, a_bridge(THIRD))


@pytest.mark.parametrize("named", [f"  bridge_id: {ID}\n", ""])
def test_the_old_key_of_a_listed_bridge_changes_where_it_stands(tmp_path: Path, named: str) -> None:
    config = f"collectors: {{hue: {{bridges: [{{id: {ID}, address: a}}]}}}}\n"
    draft = draft_of(write_home(tmp_path, config, f"hue:\n  api_key: old\n{named}"))
    after = with_a_new_key(draft, a_bridge())
    assert after.secrets.text == f'hue:\n  api_key: "new-key-of-a-bridge"\n{named}'
    assert after.loaded.bridges[0].api_key == Secret("new-key-of-a-bridge")
    assert after.changed_files == (after.secrets,)


def test_a_listed_bridge_without_a_key_gets_an_entry(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, TWO_BRIDGES, OLD_SECRETS))
    after = with_a_new_key(draft, a_bridge(OTHER))
    assert after.loaded.bridges[1].api_key == Secret("new-key-of-a-bridge")
    assert after.loaded.bridges[0].api_key == Secret("made-up-hue-key")


def test_a_collector_that_was_switched_off_is_switched_on(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, "collectors: {hue: {enabled: no}}\n", None))
    assert paired(draft, a_bridge()).loaded.settings.collectors.hue.enabled


def test_the_copied_examples_are_filled_in(tmp_path: Path) -> None:
    from config.packaged import text_of

    default, example = text_of("default.yaml"), text_of("secrets.example.yaml")
    draft = paired(draft_of(write_home(tmp_path, default, example)), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    went, came = changed_lines(default, draft.config.text)
    assert [line.split(":")[0].strip() for line in went + came] == ["bridge_ip", "bridge_ip"]
    assert came[0].endswith("# the only bridge: host, host:port or http://host[:port]; null finds it")
    assert len(changed_lines(example, draft.secrets.text)[1]) == 2


@pytest.mark.parametrize("config", ["", "# nothing yet\n", None])
def test_a_home_may_be_new_or_hold_comments_only(tmp_path: Path, config: str | None) -> None:
    draft = paired(draft_of(write_home(tmp_path, config, config)), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    assert draft.config.text.startswith(config or "")


def test_a_home_with_faults_is_not_set_up(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="bridge_ip"):
        draft_of(write_home(tmp_path, "collectors: {hue: {bridge_ip: [1]}}\n", None))


def test_what_would_not_load_is_refused_before_it_is_saved(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, "collectors: {}\n", None))
    with pytest.raises(SettingsError, match="interval_seconds"):
        draft.with_changes(Changes(config=(Change(("collection", "interval_seconds"), "often"),)))
