"""`homeclimate setup amazon` as a person meets it, in front of the simulated service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.amazon.account_memory import credential_mark
from adapters.runtime.clock import SystemClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from config.loading import load
from domain.cycle import Collected, Deferred, Failed, Outcome
from domain.schedule import Due
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.acceptance.conftest import RunHere
from tests.support.config_homes import write_home
from tests.support.deployments import Deployment, calm_seed
from tests.support.terminal import Terminal, at_a_terminal

COOKIES = "amazon_aqm:\n  cookies:  # of a browser\n    session-id: 123-1234567-1234567\n"


@pytest.fixture
def alexa() -> Iterator[SimulatedAlexa]:
    """In real time: the program's codes and tokens live by its own clock."""
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        yield home.alexa


@pytest.fixture
def home(alexa: SimulatedAlexa, tmp_path: Path) -> Deployment:
    """A home that knows where the simulated service is, and nothing else."""
    urls = "".join(f"    {name}_url: {alexa.url}\n" for name in ("alexa", "api", "www"))
    write_home(tmp_path / "home", f"collectors:\n  amazon_aqm:  # not yet\n{urls}", COOKIES)
    return Deployment(folder=tmp_path / "home", ca_file=alexa.ca_file, amazon_ca_file=alexa.ca_file)


def sign_in(terminal: Terminal, alexa: SimulatedAlexa, *, approve: bool = True) -> None:
    """Read the code, and do on another device what it is for."""
    said = terminal.expect(r"    [A-Z0-9]{5,8}\r\n")
    assert f"open {alexa.url}/code" in said
    terminal.expect("Waiting for the code to be typed")
    code = said.split()[-1]
    assert (alexa.approve if approve else alexa.deny)(code)


def token_in(deployment: Deployment) -> str | None:
    token = load(deployment.folder, needs_secrets=False).secrets.amazon_aqm.refresh_token
    return token.written if token else None


def serials(alexa: SimulatedAlexa) -> list[str]:
    return [registration.serial for registration in alexa.account.registrations]


def test_a_typed_code_signs_in_and_shows_the_monitors(alexa: SimulatedAlexa, home: Deployment) -> None:
    config = home.config_file.read_text()
    with at_a_terminal(home, "setup", "amazon") as terminal:
        sign_in(terminal, alexa)
        assert terminal.wait() == 0
    for monitor in alexa.monitors:
        assert monitor.name in terminal.output
    assert token_in(home) not in (None, "")
    assert str(token_in(home)) not in terminal.output
    assert home.secrets_file.read_text() == f'{COOKIES}  refresh_token: "{token_in(home)}"\n'
    assert home.secrets_file.stat().st_mode & 0o777 == 0o600
    assert home.config_file.read_text() == (f"{config}    enabled: true\n  hue:\n    enabled: false\n"), (
        "a home without a bridge asks none"
    )
    collected = home.run("collect", "--once")
    assert (collected.returncode, collected.stderr) == (0, "")


@pytest.mark.proof
def test_signing_in_again_is_the_same_device(alexa: SimulatedAlexa, home: Deployment) -> None:
    tokens = []
    for arguments in (["setup", "amazon"], ["setup", "--reauth", "amazon"]):
        with at_a_terminal(home, *arguments) as terminal:
            sign_in(terminal, alexa)
            assert terminal.wait() == 0
        tokens.append(token_in(home))
    assert tokens[0] != tokens[1]
    ours = json.loads((home.folder / "data" / "state.json").read_text())["amazon.device"]["serial"]
    assert serials(alexa).count(ours) == 1


def test_a_working_token_may_be_kept(alexa: SimulatedAlexa, home: Deployment, run_here: RunHere) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    before = home.secrets_file.read_text()
    with at_a_terminal(home, "setup", "amazon") as terminal:
        terminal.expect(r"Keep it\? \[Y/n\]")
        terminal.type_line("")
        assert terminal.wait() == 0
    assert "nothing is changed" in terminal.output
    assert home.secrets_file.read_text() == before


def test_a_token_that_works_again_is_used_at_once(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    refuse_for_good(home, alexa.refresh_token)
    assert run_here(home, "collect", "--once").returncode == 2
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    assert run_here(home, "collect", "--once").returncode == 0
    assert "amazon.access_token" in json.loads((home.folder / "data" / "state.json").read_text())


def test_a_token_that_was_mended_by_hand_is_used_at_once(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    good, revoked = home.secrets_file.read_text(), "Atnr|a-token-that-was-revoked-long-ago"
    home.secrets_file.write_text(good.replace(alexa.refresh_token, revoked))
    refuse_for_good(home, revoked)
    assert run_here(home, "collect", "--once").returncode == 2
    asked = len(alexa.requests)
    run_here(home, "collect", "--once")  # as cron does it
    assert len(alexa.requests) == asked
    alert = home.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"
    assert alert.exists()
    home.secrets_file.write_text(good)
    assert run_here(home, "collect", "--once").returncode == 0
    assert not alert.exists()


def test_a_collector_that_runs_uses_a_token_that_was_mended_by_hand(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    good, revoked = home.secrets_file.read_text(), "Atnr|a-token-that-was-revoked-long-ago"
    home.secrets_file.write_text(good.replace(alexa.refresh_token, revoked))
    refuse_for_good(home, revoked)
    clock = SystemClock()
    environment = Environment(clock=clock, amazon_roots=alexa.ca_file)
    with collecting(load(home.folder), environment) as running, asyncio.Runner() as runner:

        def collect() -> Outcome:
            due = Due(source="amazon", slot=clock.now(), interval_s=300, scheduled=True)
            (outcome,) = runner.run(running.collection.run([due])).report.outcomes
            return outcome

        assert isinstance(collect(), Failed)
        assert isinstance(collect(), Deferred)
        home.secrets_file.write_text(good)
        assert isinstance(collect(), Collected)
        runner.run(running.collection.close())


@pytest.mark.proof
def test_a_token_that_works_again_is_used_by_a_person_who_waits(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    for arguments in (["--now"], None):
        refuse_for_good(home, alexa.refresh_token)
        assert run_here(home, "collect", "--once").returncode == 2
        if arguments is not None:
            assert run_here(home, "collect", "--once", *arguments).returncode == 0
            continue
        with at_a_terminal(home, "collect", "--once") as terminal:
            assert terminal.wait() == 0
    assert run_here(home, "collect", "--now").returncode == 64


def test_health_asks_again_for_a_person_and_saves_nothing(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    run_here(home, "collect", "--once")
    refuse_for_good(home, alexa.refresh_token)
    state_file = home.folder / "data" / "state.json"
    before, asked = state_file.read_bytes(), len(alexa.requests)
    assert "refuses the refresh token" in home.run("health", "--only", "amazon").stdout
    assert len(alexa.requests) == asked
    with at_a_terminal(home, "health", "--only", "amazon") as terminal:
        terminal.wait()
    assert "refuses the refresh token" not in terminal.output
    assert len(alexa.requests) > asked
    assert state_file.read_bytes() == before


def refuse_for_good(home: Deployment, token: str) -> None:
    """Have the state say that the token was refused a moment ago, and not for the first time."""
    now = SystemClock().now().isoformat()
    refusal = {"code": "invalid_grant", "first_at": now, "last_at": now, "for_good": True}
    state_file = home.folder / "data" / "state.json"
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    state.pop("amazon.access_token", None)
    state["amazon.refusal"] = {"of": credential_mark(token), **refusal}
    state_file.write_text(json.dumps(state))


@pytest.mark.proof
def test_a_revoked_token_is_replaced(alexa: SimulatedAlexa, home: Deployment, run_here: RunHere) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    alexa.account.revoke(alexa.refresh_token)
    with at_a_terminal(home, "setup", "amazon") as terminal:
        sign_in(terminal, alexa)
        assert terminal.wait() == 0
    assert "The token of this home does not work" in terminal.output
    assert token_in(home) != alexa.refresh_token


@pytest.mark.proof
@pytest.mark.parametrize("ending", ["denied", "interrupted"])
def test_a_failed_sign_in_changes_nothing(alexa: SimulatedAlexa, home: Deployment, ending: str) -> None:
    before = home.config_file.read_text(), home.secrets_file.read_text()
    with at_a_terminal(home, "setup", "amazon") as terminal:
        if ending == "denied":
            sign_in(terminal, alexa, approve=False)
            assert terminal.wait() == 1
            assert "Not signed in: the sign-in was declined" in terminal.output
        else:
            terminal.expect("600 s left")
            terminal.interrupt()
            assert terminal.wait() == 130
    assert (home.config_file.read_text(), home.secrets_file.read_text()) == before


def test_an_imported_token_is_tried_and_saved(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    done = run_here(home, "setup", "amazon", "--import", given=f'"{alexa.refresh_token}"\n')
    assert done.returncode == 0, done.stderr
    assert token_in(home) == alexa.refresh_token
    assert alexa.monitors[0].name in done.stdout
    assert alexa.refresh_token not in done.stdout + done.stderr


def test_a_typed_token_is_not_echoed(alexa: SimulatedAlexa, home: Deployment) -> None:
    with at_a_terminal(home, "setup", "amazon", "--import") as terminal:
        terminal.expect("Refresh token: ")
        terminal.type_line(alexa.refresh_token)
        assert terminal.wait() == 0
    assert alexa.refresh_token not in terminal.output
    assert token_in(home) == alexa.refresh_token


@pytest.mark.proof
def test_a_token_that_is_pasted_over_two_lines_is_taken_whole(
    alexa: SimulatedAlexa, home: Deployment
) -> None:
    first, rest = alexa.refresh_token[:80], alexa.refresh_token[80:]
    with at_a_terminal(home, "setup", "amazon", "--import") as terminal:
        terminal.expect("Refresh token: ")
        terminal.type_line(f"{first}\n{rest}")
        assert terminal.wait() == 0
    assert "without the line breaks in it" in terminal.output
    assert rest not in terminal.output
    assert token_in(home) == alexa.refresh_token


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "There is no refresh token"),
        ("two words\n", "not a whole refresh token"),
        ("Atna|access\n", "is an access token"),
        ('{\n "refresh_token": "Atnr|x"\n}\n', "This is JSON"),
        ("session-id=1; session-token=2\n", "These are cookies"),
        ("Atnr|abc\n".encode("utf-16"), "not a whole refresh token"),
    ],
)
def test_malformed_tokens_are_not_tried(
    alexa: SimulatedAlexa, home: Deployment, given: str | bytes, words: str, run_here: RunHere
) -> None:
    done = run_here(home, "setup", "amazon", "--import", given=given)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Nothing is sent, and nothing is changed." in done.stderr
    assert list(alexa.requests) == []


def test_a_token_in_quotes_over_two_lines_is_repaired(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    token = alexa.refresh_token
    done = run_here(home, "setup", "amazon", "--import", given=f'\ufeff"{token[:99]}\r\n{token[99:]}"\r\n')
    assert done.returncode == 0, done.stderr
    assert (
        "taken without the invisible characters and the quotes around it and the line breaks" in done.stdout
    )
    assert token_in(home) == token


def test_a_malformed_token_in_the_secrets_is_named_and_not_sent(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    good, before = home.secrets_file.read_text(), len(alexa.requests)
    home.secrets_file.write_text(good.replace("Atnr|", "Atna|"))
    done = run_here(home, "collect", "--once")
    assert done.returncode == 2
    assert "This is an access token" in done.stdout + done.stderr
    assert len(alexa.requests) == before
    alert = home.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"
    assert "This is an access token" in alert.read_text()
    home.secrets_file.write_text(good)
    assert run_here(home, "collect", "--once").returncode == 0
    assert not alert.exists()
    home.secrets_file.write_text(good.replace("Atnr|", ""))
    asked = len(alexa.requests)
    done = run_here(home, "setup", "amazon", "--sign-out")
    assert (done.returncode, len(alexa.requests), token_in(home)) == (0, asked, None)


def test_a_refused_token_is_not_saved(alexa: SimulatedAlexa, home: Deployment, run_here: RunHere) -> None:
    before = home.secrets_file.read_text()
    done = run_here(home, "setup", "amazon", "--import", given="Atnr|made-up")
    assert done.returncode == 1
    assert "nothing is changed" in done.stderr
    assert "it was revoked, or it is not complete" in done.stderr
    assert "once more" not in done.stderr
    assert home.secrets_file.read_text() == before


def test_sign_out_removes_the_device_and_the_token(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    run_here(home, "collect", "--once")
    state_file = home.folder / "data" / "state.json"
    state = json.loads(state_file.read_text())
    assert {"amazon.access_token", "amazon.monitors"} <= state.keys()
    silent: dict[str, object] = {"topic": "device_silent", "subject": alexa.monitors[0].device_id}
    silent |= {
        "source": "amazon",
        "since": SystemClock().now().isoformat(),
        "count": 1,
        "told_at": None,
        "detail": "",
    }
    own = {"amazon.device": {"serial": "OURS"}, "incidents": {"device_silent:x": silent}}
    state_file.write_text(json.dumps(state | own))
    done = run_here(home, "setup", "amazon", "--sign-out")
    assert done.returncode == 0, done.stderr
    assert "Next:" not in done.stdout
    left = state_file.read_text()
    assert [key for key in json.loads(left) if "amazon" in key] == ["amazon.device"]
    assert not any(monitor.serial in left for monitor in alexa.monitors)
    assert list(alexa.account.registrations) == []
    assert home.secrets_file.read_text() == f'{COOKIES}  refresh_token: ""\n'
    assert "enabled: true" in home.config_file.read_text(), "its cookies may still serve"
    again = run_here(home, "setup", "amazon", "--sign-out")
    assert (again.returncode, again.stderr) == (1, "This home has no refresh token: it is not signed in.\n")


def test_sign_out_without_cookies_disables_the_account(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    home.secrets_file.unlink()
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    alexa.account.revoke(alexa.refresh_token)
    done = run_here(home, "setup", "amazon", "--sign-out")
    assert done.returncode == 0
    assert "it was signed out already" in done.stderr
    assert token_in(home) is None
    assert not load(home.folder, needs_secrets=False).settings.collectors.amazon_aqm.enabled


def test_sign_out_keeps_the_token_when_the_service_is_away(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    run_here(home, "setup", "amazon", "--import", given=alexa.refresh_token)
    alexa.unplug()
    done = run_here(home, "setup", "amazon", "--sign-out")
    assert done.returncode == 1
    assert token_in(home) == alexa.refresh_token


def test_the_site_of_the_account_is_saved(alexa: SimulatedAlexa, home: Deployment, run_here: RunHere) -> None:
    done = run_here(
        home,
        "setup",
        "amazon",
        "--import",
        "--domain",
        "https://www.amazon.co.uk/",
        given=alexa.refresh_token,
    )
    assert done.returncode == 0, done.stderr
    assert load(home.folder).settings.collectors.amazon_aqm.domain == "amazon.co.uk"


def test_home_option_may_precede_or_follow_amazon(
    alexa: SimulatedAlexa, home: Deployment, run_here: RunHere
) -> None:
    here, elsewhere = str(home.folder), {"HOMECLIMATE_HOME": "/nowhere"}
    for arguments in (["--home", here, "amazon"], ["amazon", "--home", here]):
        done = run_here(home, "setup", *arguments, "--sign-out", environment=elsewhere)
        assert done.stderr == "This home has no refresh token: it is not signed in.\n"
    assert list(alexa.requests) == []
