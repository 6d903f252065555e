"""`homeclimate setup` as a person meets it at a terminal, in front of a simulated bridge."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from adapters.files.saved_state import SavedState
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB002_SECOND, BSB003
from adapters.simulator.hue.simulated_bridge import SimulatedBridge
from config.loading import load
from config.secrets import Secret
from domain.cycle import Cause
from domain.services.source_backoff import SourceBackoff
from tests.acceptance.conftest import RunHere
from tests.support.bridge_client import ask_v1
from tests.support.builders import a_failed
from tests.support.calm_homes import calm_seed
from tests.support.config_homes import OLD_CONFIG, write_home
from tests.support.deployments import Deployment
from tests.support.look_up import LookUp, a_look_up
from tests.support.terminal import at_a_terminal

OLD_SECRETS = """\
# signed in on a Tuesday
hue:
  api_key: "{key}"   # of the hall
  bridge_id: "{bridge_id}"
nest: {{client_id: 5, client_id: 6}}
"""
FAST = {"SIMULATED_RATE": "100"}


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    """Real time: a person presses a button, and the program counts the seconds."""
    models = (BSB002, BSB002_SECOND, BSB002_OLD, BSB001, BSB003)
    with SimulatedHome(clock=SystemClock(), seed=calm_seed(), bridges=models).running() as running:
        yield running


@pytest.fixture
def new_home(home: SimulatedHome, tmp_path: Path) -> Deployment:
    """A folder without anything in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return Deployment(folder=folder, ca_file=home.bridge.ca_file)


@pytest.fixture
def old_home(home: SimulatedHome, new_home: Deployment) -> Deployment:
    """An earlier system's, whose key does not work any more."""
    secrets = OLD_SECRETS.format(key="K" * 40, bridge_id=home.bridge.id.upper())
    write_home(new_home.folder, OLD_CONFIG.replace("yes\n    domain", "no\n    domain"), secrets)
    return new_home


def announced(*bridges: SimulatedBridge) -> Mapping[str, str]:
    """What makes the program find these, by no network."""
    listed = [
        {"address": each.address, "bridge_id": each.id, "model": each.model.model_id} for each in bridges
    ]
    return {"SIMULATED_BRIDGES": json.dumps(listed)}


def everything_in(folder: Path) -> Mapping[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


def changed_lines(before: str, after: str) -> list[str]:
    return [line for line in after.splitlines() if line not in before.splitlines()]


def key_in(deployment: Deployment) -> str:
    (bridge,) = load(deployment.folder).bridges
    assert bridge.api_key is not None
    return bridge.api_key.value


def test_from_an_empty_folder_to_the_first_reading(home: SimulatedHome, new_home: Deployment) -> None:
    with at_a_terminal(new_home, "setup", **announced(home.bridge)) as terminal:
        terminal.sees(rf"Hue Bridge \(BSB002\), {home.bridge.id}, at {home.bridge.address}: its certificate")
        terminal.sees("Press the round button on the bridge now. 30 s left")
        terminal.sees(r"\r.* 29 s left")
        home.bridge.press_button()
        assert terminal.leaves() == 0
    assert any(sensor.name in terminal.said for sensor in home.sensors)
    assert "battery" in terminal.said
    assert "Next: homeclimate collect --once" in terminal.said
    files = everything_in(new_home.folder)
    assert {name: mode for name, (_, mode) in files.items()} == {
        "config/config.yaml": 0o644,
        "config/secrets.yaml": 0o600,
    }
    assert key_in(new_home) not in terminal.said
    assert new_home.run("health").returncode == 0
    collected = new_home.run("collect", "--once")
    assert (collected.returncode, collected.stderr) == (0, "")


def test_the_key_is_for_this_program_alone_and_no_client_key_is_asked_for(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    home.bridge.press_button()
    assert run_here(new_home, "setup", "--address", home.bridge.address).returncode == 0
    listed = ask_v1(home.bridge, "config").json["whitelist"][key_in(new_home)]
    assert listed["name"].startswith("homeclimate#")


def test_an_earlier_systems_files_keep_every_byte_but_the_bridges(
    home: SimulatedHome, old_home: Deployment
) -> None:
    config, secrets = old_home.config_file.read_text(), old_home.secrets_file.read_text()
    with at_a_terminal(old_home, "setup", **announced(home.bridge)) as terminal:
        said = terminal.sees("Press the round button")
        home.bridge.press_button()
        assert terminal.leaves() == 0
    assert said.count("storage.enable_pooling: has no effect") == 1
    assert "The key that this home has does not work any more." in said
    key, address = key_in(old_home), home.bridge.address
    assert old_home.config_file.read_text() == config.replace("bridge_ip: null", f'bridge_ip: "{address}"')
    assert old_home.secrets_file.read_text() == secrets.replace("K" * 40, key)


def test_ctrl_c_leaves_every_file_as_it_was(home: SimulatedHome, old_home: Deployment) -> None:
    old_home.secrets_file.chmod(0o640)
    before = everything_in(old_home.folder)
    with at_a_terminal(old_home, "setup", **announced(home.bridge)) as terminal:
        terminal.sees("30 s left")
        terminal.interrupts()
        assert terminal.leaves() == 130
    assert "stopped; nothing is changed" in terminal.said
    assert "Traceback" not in terminal.said
    assert everything_in(old_home.folder) == before


def test_a_button_that_nobody_presses_changes_nothing(home: SimulatedHome, old_home: Deployment) -> None:
    before = everything_in(old_home.folder)
    with at_a_terminal(old_home, "setup", **announced(home.bridge), **FAST) as terminal:
        assert terminal.leaves() == 1
    assert "The button was not pressed in time; nothing is changed" in terminal.said
    assert everything_in(old_home.folder) == before


@pytest.mark.parametrize(("answer", "is_kept"), [("", True), ("n", False)])
def test_a_key_that_works_may_be_kept(
    home: SimulatedHome, old_home: Deployment, answer: str, is_kept: bool
) -> None:
    old_home.secrets_file.write_text(old_home.secrets_file.read_text().replace("K" * 40, home.bridge.key))
    with at_a_terminal(old_home, "setup", **announced(home.bridge)) as terminal:
        terminal.sees(r"Keep it\? \[Y/n\]")
        terminal.types(answer)
        if not is_kept:
            terminal.sees("30 s left")
            home.bridge.press_button()
        assert terminal.leaves() == 0
    assert (key_in(old_home) == home.bridge.key) is is_kept
    assert "battery" in terminal.said


def test_of_several_bridges_the_person_chooses_one(home: SimulatedHome, new_home: Deployment) -> None:
    first, second = home.bridges[:2]
    with at_a_terminal(new_home, "setup", **announced(first, second)) as terminal:
        terminal.sees(rf"2 bridges are here:\s+1  {first.id}.*BSB002\s+2  {second.id}")
        terminal.types("3")
        terminal.sees("Which one")
        terminal.types("2")
        terminal.sees("30 s left")
        second.press_button()
        assert terminal.leaves() == 0
    assert load(new_home.folder).bridges[0].id == second.id


@pytest.mark.proof
def test_a_second_bridge_stands_beside_the_first(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    for bridge in home.bridges[:2]:
        with at_a_terminal(new_home, "setup", "--address", bridge.address) as terminal:
            bridge.press_button()
            if bridge is not home.bridge:
                terminal.sees(r"another bridge, .*Collect from both")
                terminal.types("y")
            assert terminal.leaves() == 0
    assert [bridge.id for bridge in load(new_home.folder).bridges] == [each.id for each in home.bridges[:2]]
    assert new_home.run("collect", "--once").returncode == 0


def test_a_self_signed_bridge_is_pinned_when_the_person_vouches_for_it(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    bridge = home.bridges[2]
    in_pairs = ":".join(bridge.certificate_sha256[at : at + 2] for at in range(0, 64, 2)).upper()
    with at_a_terminal(new_home, "setup", "--address", bridge.address) as terminal:
        assert in_pairs in terminal.sees(r"\[y/N\]")
        terminal.types("y")
        terminal.sees("30 s left")
        bridge.press_button()
        assert terminal.leaves() == 0
    assert load(new_home.folder).bridges[0].certificate_sha256 == bridge.certificate_sha256
    assert new_home.run("collect", "--once").returncode == 0
    again = run_here(new_home, "setup", "--address", bridge.address)
    assert (again.returncode, again.stderr) == (0, ""), "what is pinned is not asked about again"


@pytest.mark.parametrize("answer", ["", "n"])
def test_a_certificate_that_nobody_vouches_for_ends_it(
    home: SimulatedHome, new_home: Deployment, answer: str
) -> None:
    with at_a_terminal(new_home, "setup", "--address", home.bridges[2].address) as terminal:
        terminal.sees(r"\[y/N\]")
        terminal.types(answer)
        assert terminal.leaves() == 1
    assert everything_in(new_home.folder) == {}
    assert {request.method for request in home.bridges[2].requests} <= {"GET"}


def test_a_pinned_certificate_that_changed_is_told_of(home: SimulatedHome, new_home: Deployment) -> None:
    bridge = home.bridges[2]
    write_home(
        new_home.folder,
        f"collectors: {{hue: {{bridges: [{{id: {bridge.id}, certificate_sha256: {'ab' * 32}}}]}}}}\n",
        f"hue: {{api_key: {'K' * 40}}}\n",
    )
    with at_a_terminal(new_home, "setup", "--address", bridge.address) as terminal:
        assert "NOT the certificate that config.yaml pins" in terminal.sees(r"\[y/N\]")
        terminal.types("n")
        assert terminal.leaves() == 1


def test_pairing_again_replaces_the_key_and_nothing_else(home: SimulatedHome, old_home: Deployment) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", f"bridge_ip: {home.bridge.address}")
    old_home.config_file.write_text(config)
    secrets = old_home.secrets_file.read_text()
    state = FileState(old_home.folder / "data" / "state.json", MemoryJournal())
    backoff = SourceBackoff(state=SavedState(state), clock=SystemClock())
    for _ in range(4):  # so that the home would leave the bridge in peace for a while
        backoff.record(a_failed(cause=Cause.CREDENTIALS))
    assert state.get("streak.hue")
    with at_a_terminal(old_home, "setup", "--reauth", "hue") as terminal:
        terminal.sees("30 s left")
        home.bridge.press_button()
        assert terminal.leaves() == 0
    assert state.get("streak.hue") == {}, "the new key is tried at the next slot"
    assert old_home.config_file.read_text() == config
    (line,) = changed_lines(secrets, old_home.secrets_file.read_text())
    assert line.endswith("   # of the hall")


def test_pairing_again_finds_a_bridge_that_moved(home: SimulatedHome, old_home: Deployment) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 127.0.0.1:9")
    old_home.config_file.write_text(config)
    home.bridge.press_button()
    found = announced(home.bridges[1], home.bridge)
    with at_a_terminal(old_home, "setup", "--reauth", "hue", **found) as terminal:
        assert terminal.leaves() == 0
    assert "no bridge answers at 127.0.0.1:9" in terminal.said
    assert old_home.config_file.read_text() == config
    assert "K" * 40 not in old_home.secrets_file.read_text()


def test_with_several_bridges_pairing_again_wants_to_know_which(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    first, second = home.bridges[:2]
    listed = "".join(f'\n      - {{id: {each.id}, address: "{each.address}"}}' for each in (first, second))
    keys = "".join(f"\n    - {{id: {each.id}, api_key: {'K' * 40}}}" for each in (first, second))
    write_home(new_home.folder, f"collectors:\n  hue:\n    bridges:{listed}\n", f"hue:\n  bridges:{keys}\n")
    which = run_here(new_home, "setup", "--reauth", "hue")
    assert which.returncode == 78
    assert f"hue:{first.id}, hue:{second.id}" in which.stderr
    second.press_button()
    assert run_here(new_home, "setup", "--reauth", f"hue:{second.id.upper()}").returncode == 0
    keys_now = [bridge.api_key for bridge in load(new_home.folder).bridges]
    assert keys_now[0] == Secret("K" * 40)
    assert keys_now[1] != Secret("K" * 40)


def test_without_a_terminal_there_are_clear_words_and_no_questions(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    home.bridge.press_button()
    done = run_here(new_home, "setup", "--address", home.bridge.address)
    assert done.returncode == 0, done.stderr
    assert "Press the round button on the bridge now. 30 s left\n" in done.stdout
    assert "\r" not in done.stdout
    again = run_here(new_home, "setup", "--address", home.bridge.address)
    assert again.returncode == 0
    assert "it works" in again.stdout
    assert "Keep it?" not in again.stdout


def test_a_dumb_terminal_counts_down_in_lines(home: SimulatedHome, new_home: Deployment) -> None:
    where = ("setup", "--address", home.bridge.address)
    with at_a_terminal(new_home, *where, terminal="dumb", **FAST) as terminal:
        assert terminal.leaves() == 1
    lines = [line for line in terminal.said.splitlines() if line.startswith("Press the round button")]
    assert len(lines) == 3
    assert lines[0].endswith("30 s left")


@pytest.mark.parametrize("which", [2, 0], ids=["self-signed", "several"])
def test_what_only_a_person_can_answer_ends_it_where_there_is_none(
    home: SimulatedHome, new_home: Deployment, which: int, monkeypatch: pytest.MonkeyPatch, run_here: RunHere
) -> None:
    found = [home.bridges[2]] if which else home.bridges[:2]
    monkeypatch.setenv("SIMULATED_BRIDGES", announced(*found)["SIMULATED_BRIDGES"])
    done = run_here(new_home, "setup")
    assert done.returncode == 1
    assert ("run this at a terminal" if which else "--address ADDRESS") in done.stderr
    assert everything_in(new_home.folder) == {}


def test_nobody_found_says_how_to_go_on(new_home: Deployment, run_here: RunHere) -> None:
    done = run_here(new_home, "setup")
    assert done.returncode == 1
    assert "homeclimate setup --address ADDRESS" in done.stderr
    assert "homeclimate setup --cloud" in done.stderr


def test_nobody_at_the_address_says_so(new_home: Deployment, run_here: RunHere) -> None:
    done = run_here(new_home, "setup", "--address", "127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("homeclimate: no bridge answers at 127.0.0.1:9")


def test_the_makers_look_up_is_asked_only_when_it_is_asked_for(
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
def test_the_oldest_and_the_newest_bridge_are_set_up_too(
    home: SimulatedHome, new_home: Deployment, model: str, run_here: RunHere
) -> None:
    bridge = next(each for each in home.bridges if each.model.model_id == model)
    address = f"http://{bridge.address}" if model == "BSB001" else bridge.address
    bridge.press_button()
    done = run_here(new_home, "setup", "--address", address)
    assert done.returncode == 0, done.stderr
    assert ("it has no HTTPS" in done.stdout) is (model == "BSB001")
    assert new_home.run("collect", "--once").returncode == 0


def test_a_bridge_that_gives_a_key_and_no_readings_leaves_the_home_as_it_was(
    home: SimulatedHome, old_home: Deployment
) -> None:
    home.bridge.faults.add("kind=revoked path=/clip/v2")
    before = everything_in(old_home.folder)
    home.bridge.press_button()
    with at_a_terminal(old_home, "setup", "--address", home.bridge.address) as terminal:
        assert terminal.leaves() == 1
    assert "The bridge gave a key, and could not be read with it; nothing is changed." in terminal.said
    assert everything_in(old_home.folder) == before


def test_files_that_cannot_be_changed_are_told_of_before_anybody_walks_to_the_bridge(
    home: SimulatedHome, new_home: Deployment, run_here: RunHere
) -> None:
    write_home(new_home.folder, "x: &x {a: 1}\ncollectors: {hue: {}}\n", "y: &y {a: 1}\nhue: *y\n")
    done = run_here(new_home, "setup", "--address", home.bridge.address)
    assert done.returncode == 78
    assert "hue.api_key cannot be written where it stands" in done.stderr
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
def test_wrong_usage_ends_with_64(
    new_home: Deployment, arguments: tuple[str, ...], run_here: RunHere
) -> None:
    assert run_here(new_home, "setup", *arguments).returncode == 64


def test_a_home_with_faults_ends_with_78_and_all_of_them(new_home: Deployment, run_here: RunHere) -> None:
    write_home(new_home.folder, "collection: {interval_seconds: often, retry_attempts: no}\n", None)
    done = run_here(new_home, "setup")
    assert done.returncode == 78
    assert "interval_seconds" in done.stderr
    assert "retry_attempts" in done.stderr
