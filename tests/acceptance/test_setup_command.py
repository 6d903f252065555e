"""`homeclimate setup` with simulated bridges."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from adapters.files.saved_state import SavedState
from adapters.files.state_file import FileState
from adapters.hue.tls import SIGNIFY_ROOTS
from adapters.memory.runtime import MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB002_SECOND, BSB003
from adapters.simulator.hue.service import SimulatedBridge
from config.loading import load
from config.secrets import Secret
from domain.cycle import Cause
from domain.services.source_backoff import SourceBackoff
from tests.acceptance.conftest import RunHere
from tests.support.bridge_client import ask_v1
from tests.support.builders import a_failed
from tests.support.config_homes import OLD_CONFIG, write_home
from tests.support.deployments import Deployment, calm_seed
from tests.support.look_up import LookUp, a_look_up
from tests.support.odd_server import always, odd_server, reply
from tests.support.terminal import ScriptedPrompts, at_a_terminal

OLD_SECRETS = """\
# signed in on a Tuesday
hue:
  api_key: "{key}"   # of the hall
  bridge_id: "{bridge_id}"
nest: {{client_id: 5, client_id: 6}}
"""
OLD_KEY = "K" * 40


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    """Bridges of every model, in real time."""
    models = (BSB002, BSB002_SECOND, BSB002_OLD, BSB001, BSB003)
    with SimulatedHome(clock=SystemClock(), seed=calm_seed(), bridges=models).running() as running:
        yield running


@pytest.fixture
def new_home(home: SimulatedHome, tmp_path: Path) -> Deployment:
    folder = tmp_path / "home"
    folder.mkdir()
    return Deployment(folder=folder, ca_file=home.bridge.ca_file)


@pytest.fixture
def old_home(home: SimulatedHome, new_home: Deployment) -> Deployment:
    """A home of the earlier system, with a key that the bridge does not know."""
    secrets = OLD_SECRETS.format(key=OLD_KEY, bridge_id=home.bridge.id.upper())
    write_home(new_home.folder, OLD_CONFIG.replace("yes\n    domain", "no\n    domain"), secrets)
    return new_home


@pytest.fixture
def person(home: SimulatedHome, monkeypatch: pytest.MonkeyPatch) -> ScriptedPrompts:
    """A person at the terminal who presses the first bridge's button when asked to."""
    prompts = ScriptedPrompts()
    prompts.during_countdown = home.bridge.press_button
    monkeypatch.setattr("entrypoints.commands.setup.command.Prompts", lambda: prompts)
    return prompts


def announced(*bridges: SimulatedBridge) -> Mapping[str, str]:
    """The environment in which these bridges are found on the network."""
    listed = [
        {"address": each.address, "bridge_id": each.id, "model": each.model.model_id} for each in bridges
    ]
    return {"SIMULATED_BRIDGES": json.dumps(listed)}


def files_in(folder: Path) -> Mapping[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


def keys_in(deployment: Deployment) -> list[Secret | None]:
    return [bridge.api_key for bridge in load(deployment.folder).bridges]


def test_setup_leads_from_an_empty_folder_to_readings(home: SimulatedHome, new_home: Deployment) -> None:
    with at_a_terminal(new_home, "setup", **announced(home.bridge)) as terminal:
        terminal.expect(
            rf"Hue Bridge \(BSB002\), {home.bridge.id}, at {home.bridge.address}: its certificate"
        )
        terminal.expect("Press the round button on the bridge now. 30 s left")
        terminal.expect(r"\r.* 29 s left")
        home.bridge.press_button()
        assert terminal.wait() == 0
    assert any(sensor.name in terminal.output for sensor in home.sensors)
    assert "battery" in terminal.output
    assert "Next: homeclimate collect --once" in terminal.output
    assert {name: mode for name, (_, mode) in files_in(new_home.folder).items()} == {
        "config/config.yaml": 0o644,
        "config/secrets.yaml": 0o600,
    }
    (key,) = keys_in(new_home)
    assert key is not None
    assert key.value not in terminal.output
    listed = ask_v1(home.bridge, "config").json["whitelist"][key.value]
    assert listed["name"].startswith("homeclimate#")
    assert new_home.run("health").returncode == 0
    collected = new_home.run("collect", "--once")
    assert (collected.returncode, collected.stderr) == (0, "")


def test_ctrl_c_leaves_every_file_unchanged(home: SimulatedHome, old_home: Deployment) -> None:
    old_home.secrets_file.chmod(0o640)
    before = files_in(old_home.folder)
    with at_a_terminal(old_home, "setup", **announced(home.bridge)) as terminal:
        terminal.expect("30 s left")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert "stopped; nothing is changed" in terminal.output
    assert "Traceback" not in terminal.output
    assert files_in(old_home.folder) == before


def test_old_files_keep_every_byte_but_address_and_key(
    home: SimulatedHome, old_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    config, secrets = old_home.config_file.read_text(), old_home.secrets_file.read_text()
    assert run_here(old_home, "setup", environment=announced(home.bridge)).returncode == 0
    assert person.transcript.count("storage.enable_pooling: has no effect") == 1
    assert "The key of this home does not work any more." in person.transcript
    (key,), address = keys_in(old_home), home.bridge.address
    assert key is not None
    assert old_home.config_file.read_text() == config.replace("bridge_ip: null", f'bridge_ip: "{address}"')
    assert old_home.secrets_file.read_text() == secrets.replace(OLD_KEY, key.value)


def test_without_a_pressed_button_nothing_changes(
    home: SimulatedHome, old_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    person.during_countdown = lambda: None
    before = files_in(old_home.folder)
    fast = {**announced(home.bridge), "SIMULATED_RATE": "100"}
    assert run_here(old_home, "setup", environment=fast).returncode == 1
    assert "The button was not pressed in time; nothing is changed" in person.transcript
    assert files_in(old_home.folder) == before


@pytest.mark.parametrize(("answer", "is_kept"), [(None, True), (False, False)])
def test_a_key_that_works_is_kept_unless_refused(
    home: SimulatedHome,
    old_home: Deployment,
    person: ScriptedPrompts,
    run_here: RunHere,
    answer: bool | None,
    is_kept: bool,
) -> None:
    old_home.secrets_file.write_text(old_home.secrets_file.read_text().replace(OLD_KEY, home.bridge.key))
    person.answers = {"Keep it?": answer}
    assert run_here(old_home, "setup", environment=announced(home.bridge)).returncode == 0
    assert (keys_in(old_home) == [Secret(home.bridge.key)]) is is_kept
    assert "battery" in person.transcript


def test_a_person_chooses_among_bridges_and_adds_a_second(
    home: SimulatedHome, new_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    first, second = home.bridges[:2]
    person.answers = {"Which one": 2}
    person.during_countdown = second.press_button
    assert run_here(new_home, "setup", environment=announced(first, second)).returncode == 0
    assert f"1  {first.id}" in person.transcript
    assert load(new_home.folder).bridges[0].id == second.id
    person.answers = {"Collect from both": True}
    person.during_countdown = first.press_button
    assert run_here(new_home, "setup", "--address", first.address).returncode == 0
    assert [bridge.id for bridge in load(new_home.folder).bridges] == [second.id, first.id]
    assert run_here(new_home, "collect", "--once").returncode == 0


def test_a_self_signed_certificate_is_pinned_once_confirmed(
    home: SimulatedHome, new_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    bridge = home.bridges[2]
    person.during_countdown = bridge.press_button
    person.answers = {"Is it your bridge": True}
    assert run_here(new_home, "setup", "--address", bridge.address).returncode == 0
    pairs = ":".join(bridge.certificate_sha256[at : at + 2] for at in range(0, 64, 2)).upper()
    assert pairs in person.transcript
    assert f"Philips hue (BSB002), {bridge.id}, at {bridge.address}: so it says." in person.transcript
    assert load(new_home.folder).bridges[0].certificate_sha256 == bridge.certificate_sha256
    assert run_here(new_home, "collect", "--once").returncode == 0
    person.answers = {"Keep it?": True}  # and no question about the certificate
    assert run_here(new_home, "setup", "--address", bridge.address).returncode == 0


@pytest.mark.parametrize("answer", [None, False])
def test_an_unconfirmed_certificate_ends_setup_without_pairing(
    home: SimulatedHome,
    new_home: Deployment,
    person: ScriptedPrompts,
    run_here: RunHere,
    answer: bool | None,
) -> None:
    person.answers = {"Is it your bridge": answer}
    assert run_here(new_home, "setup", "--address", home.bridges[2].address).returncode == 1
    assert files_in(new_home.folder) == {}
    assert {request.method for request in home.bridges[2].requests} <= {"GET"}


def test_a_changed_pinned_certificate_is_pointed_out(
    home: SimulatedHome, new_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    bridge = home.bridges[2]
    write_home(
        new_home.folder,
        f"collectors: {{hue: {{bridges: [{{id: {bridge.id}, certificate_sha256: {'ab' * 32}}}]}}}}\n",
        f"hue: {{api_key: {OLD_KEY}}}\n",
    )
    person.answers = {"Is it your bridge": False}
    assert run_here(new_home, "setup", "--address", bridge.address).returncode == 1
    assert "NOT the certificate that config.yaml pins" in person.transcript


def test_reauth_replaces_only_the_key_and_ends_the_backoff(
    home: SimulatedHome, old_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", f"bridge_ip: {home.bridge.address}")
    old_home.config_file.write_text(config)
    secrets = old_home.secrets_file.read_text().splitlines()
    state = FileState(old_home.folder / "data" / "state.json", MemoryJournal())
    backoff = SourceBackoff(state=SavedState(state), clock=SystemClock())
    for _ in range(4):
        backoff.record(a_failed(cause=Cause.CREDENTIALS))
    assert state.get("streak.hue")
    assert run_here(old_home, "setup", "--reauth", "hue").returncode == 0
    assert state.get("streak.hue") == {}, "the new key is tried at the next slot"
    assert old_home.config_file.read_text() == config
    changed = [line for line in old_home.secrets_file.read_text().splitlines() if line not in secrets]
    assert [line.endswith("   # of the hall") for line in changed] == [True]


def test_reauth_finds_a_bridge_that_moved(
    home: SimulatedHome, old_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 127.0.0.1:9")
    old_home.config_file.write_text(config)
    found = announced(home.bridges[1], home.bridge)
    assert run_here(old_home, "setup", "--reauth", "hue", environment=found).returncode == 0
    assert "no Hue bridge answers at 127.0.0.1:9" in person.transcript
    assert old_home.config_file.read_text() == config
    assert OLD_KEY not in old_home.secrets_file.read_text()


def test_reauth_of_one_among_several_bridges_needs_its_id(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    first, second = home.bridges[:2]
    listed = "".join(f'\n      - {{id: {each.id}, address: "{each.address}"}}' for each in (first, second))
    keys = "".join(f"\n    - {{id: {each.id}, api_key: {OLD_KEY}}}" for each in (first, second))
    write_home(new_home.folder, f"collectors:\n  hue:\n    bridges:{listed}\n", f"hue:\n  bridges:{keys}\n")
    which = run_here(new_home, "setup", "--reauth", "hue")
    assert which.returncode == 78
    assert f"hue:{first.id}, hue:{second.id}" in which.stderr
    second.press_button()
    assert run_here(new_home, "setup", "--reauth", f"hue:{second.id.upper()}").returncode == 0
    assert [key == Secret(OLD_KEY) for key in keys_in(new_home)] == [True, False]


def test_without_a_terminal_nothing_is_asked(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    home.bridge.press_button()
    done = run_here(new_home, "setup", "--address", home.bridge.address)
    assert done.returncode == 0, done.stderr
    assert "Press the round button on the bridge now. 30 s left\n" in done.stdout
    again = run_here(new_home, "setup", "--address", home.bridge.address)
    assert again.returncode == 0
    assert "it works" in again.stdout
    assert "Keep it?" not in again.stdout


@pytest.mark.parametrize(
    ("bridges", "arguments", "message"),
    [
        ((2,), (), "run this at a terminal"),
        ((0, 1), (), "--address ADDRESS"),
        ((), (), "homeclimate setup --cloud"),
        ((), ("--address", "127.0.0.1:9"), "homeclimate: no Hue bridge answers at 127.0.0.1:9"),
    ],
    ids=["self-signed", "several", "none", "unreachable"],
)
def test_without_a_terminal_the_message_names_the_next_step(
    home: SimulatedHome,
    new_home: Deployment,
    run_here: RunHere,
    bridges: tuple[int, ...],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    found = announced(*(home.bridges[number] for number in bridges))
    done = run_here(new_home, "setup", *arguments, environment=found)
    assert done.returncode == 1
    assert message in done.stderr
    assert files_in(new_home.folder) == {}


def test_the_makers_look_up_is_asked_only_with_cloud(
    home: SimulatedHome, new_home: Deployment, monkeypatch: pytest.MonkeyPatch, run_here: RunHere
) -> None:
    host, _, port = home.bridge.address.partition(":")
    listed = [{"id": home.bridge.id, "internalipaddress": host, "port": int(port)}]
    home.bridge.press_button()
    with a_look_up(LookUp(body=json.dumps(listed))) as url:
        monkeypatch.setenv("SIMULATED_CLOUD", url)
        assert run_here(new_home, "setup").returncode == 1
        done = run_here(new_home, "setup", "--cloud")
    assert done.returncode == 0, done.stderr
    assert load(new_home.folder).bridges[0].id == home.bridge.id


@pytest.mark.parametrize("model", ["BSB001", "BSB003"])
def test_the_oldest_and_the_newest_bridge_are_set_up(
    home: SimulatedHome, new_home: Deployment, model: str, run_here: RunHere
) -> None:
    bridge = next(each for each in home.bridges if each.model.model_id == model)
    address = f"http://{bridge.address}" if model == "BSB001" else bridge.address
    bridge.press_button()
    done = run_here(new_home, "setup", "--address", address)
    assert done.returncode == 0, done.stderr
    assert ("it has no HTTPS" in done.stdout) is (model == "BSB001")
    assert run_here(new_home, "collect", "--once").returncode == 0


def test_a_server_that_is_no_bridge_is_not_offered_for_pinning(
    new_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    new_home = attrs.evolve(new_home, ca_file=SIGNIFY_ROOTS)
    page = reply(b"<html>It works!</html>", "Content-Type: text/html")
    with odd_server(always(page)) as server:
        for arguments, environment in (
            (("--address", server.address), {}),
            ((), {"SIMULATED_BRIDGES": json.dumps([{"address": server.address, "bridge_id": "0" * 16}])}),
        ):
            done = run_here(new_home, "setup", *arguments, environment=environment)
            assert done.returncode == 1
            assert f"no Hue bridge answers at {server.address}" in done.stderr
    assert "fingerprint" not in person.transcript
    assert files_in(new_home.folder) == {}


@pytest.fixture
def round_home(home: SimulatedHome, new_home: Deployment) -> Deployment:
    """A home with a key of the round bridge, which it read at an address without `http://`."""
    bridge = home.bridges[3]
    config = "collectors: {hue: {bridge_ip: 127.0.0.1:9}}\n"
    write_home(new_home.folder, config, f"hue: {{api_key: {bridge.key}, bridge_id: {bridge.id}}}\n")
    return new_home


def announced_plain(bridge: SimulatedBridge) -> Mapping[str, str]:
    listed = [{"address": f"http://{bridge.http_address}", "bridge_id": bridge.id}]
    return {"SIMULATED_BRIDGES": json.dumps(listed)}


@pytest.mark.parametrize("arguments", [(), ("--reauth", "hue")])
def test_present_key_is_not_sent_where_no_person_wrote_http(
    home: SimulatedHome,
    round_home: Deployment,
    person: ScriptedPrompts,
    run_here: RunHere,
    arguments: tuple[str, ...],
) -> None:
    bridge = home.bridges[3]
    person.during_countdown = bridge.press_button
    done = run_here(round_home, "setup", *arguments, environment=announced_plain(bridge))
    assert done.returncode == 0, done.stderr
    assert "This home has a key for this bridge" not in person.transcript
    assert bridge.key not in round_home.secrets_file.read_text()
    assert load(round_home.folder).bridges[0].address == f"http://{bridge.http_address}"


def test_present_key_is_tried_where_the_address_says_http(
    home: SimulatedHome, round_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    bridge = home.bridges[3]
    person.answers = {"Keep it?": True}
    assert run_here(round_home, "setup", "--address", f"http://{bridge.http_address}").returncode == 0
    assert "This home has a key for this bridge, and it works." in person.transcript


def test_a_bridge_that_had_https_is_not_set_up_without(
    home: SimulatedHome, round_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    bridge, before = home.bridges[3], files_in(round_home.folder)
    state = FileState(round_home.folder / "data" / "state.json", MemoryJournal())
    state.put(f"hue.bridge.{bridge.id}", {"has_https": True})
    done = run_here(round_home, "setup", "--address", f"http://{bridge.http_address}")
    assert done.returncode == 1
    assert f"{bridge.id} had HTTPS before" in done.stderr
    assert files_in(round_home.folder).items() >= before.items()
    assert {request.path for request in bridge.requests} == {"/api/config"}


def test_a_bridge_that_cannot_be_read_leaves_the_home_unchanged(
    home: SimulatedHome, old_home: Deployment, person: ScriptedPrompts, run_here: RunHere
) -> None:
    home.bridge.faults.add("kind=revoked path=/clip/v2")
    before = files_in(old_home.folder)
    assert run_here(old_home, "setup", "--address", home.bridge.address).returncode == 1
    assert "The bridge gave a key, but could not be read with it; nothing is changed." in person.transcript
    assert files_in(old_home.folder) == before


def test_unwritable_files_are_reported_before_the_button(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    write_home(new_home.folder, "x: &x {a: 1}\ncollectors: {hue: {}}\n", "y: &y {a: 1}\nhue: *y\n")
    done = run_here(new_home, "setup", "--address", home.bridge.address)
    assert done.returncode == 78
    assert "hue.api_key cannot be changed alone" in done.stderr
    assert "Press" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--address", "a", "--cloud"),
        ("--reauth", "nest"),
        ("--reauth", "amazon", "--cloud"),
        ("--address", "a", "amazon"),
        ("amazon", "--import", "--sign-out"),
        ("amazon", "--domain", "example.org"),
        ("bridge",),
    ],
)
def test_wrong_usage_exits_with_64(
    new_home: Deployment, arguments: tuple[str, ...], run_here: RunHere
) -> None:
    assert run_here(new_home, "setup", *arguments).returncode == 64


def test_a_faulty_configuration_exits_with_78_and_all_faults(new_home: Deployment, run_here: RunHere) -> None:
    write_home(new_home.folder, "collection: {interval_seconds: often, retry_attempts: no}\n", None)
    done = run_here(new_home, "setup")
    assert done.returncode == 78
    assert "interval_seconds" in done.stderr
    assert "retry_attempts" in done.stderr
