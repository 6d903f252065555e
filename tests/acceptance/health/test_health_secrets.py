"""No output of the health check contains a secret, for any fault and any text that quotes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.memory.source import MemorySource
from domain.errors import SourceUnavailable
from entrypoints.wiring.health import Components
from ports.source import Source
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, encodings, run_health

PASSWORD, PING = "MARKED-mail-password-7d2", "https://localhost:9/MARKED-ping-7d2"
FORMS: tuple[tuple[str, ...], ...] = ((), ("--json",), ("--brief",))


def bridge(kind: str) -> Callable[[SickHome], object]:
    return lambda home: home.simulated.bridge.faults.add(f"kind={kind}")


def alexa(kind: str) -> Callable[[SickHome], object]:
    return lambda home: home.simulated.alexa.faults.add(f"kind={kind}")


def break_much(home: SickHome) -> None:
    """Let everything that can repeat a secret do so."""
    token = home.simulated.alexa.refresh_token
    home.state("upkeep.check", result="failed", at="2026-01-01T00:00:00+00:00", reason=token)
    home.sql(f"UPDATE outcomes SET source = source || ':{home.simulated.bridge.key}'")  # noqa: S608
    home.simulated.bridge.faults.add("kind=revoked")
    home.simulated.alexa.account.end_access()
    home.simulated.alexa.faults.add("kind=refused-token")


FAULTS: dict[str, Callable[[SickHome], object]] = {
    "much": break_much,
    **{f"bridge {kind}": bridge(kind) for kind in ("throttle", "unavailable", "html", "revoked", "redirect")},
    **{f"alexa {kind}": alexa(kind) for kind in ("throttle", "garbled", "redirect", "forbidden")},
    "secrets that others read": lambda home: home.deployment.secrets_file.chmod(0o644),
    "a damaged database": lambda home: home.deployment.database.write_bytes(b"no database" * 500),
}


@pytest.fixture
def secrets(home: SickHome) -> dict[str, str]:
    """The home's secrets by place; each place that can hold one has one."""
    cookies = dict(home.simulated.alexa.cookies)
    home.more_secrets(
        f"  cookies: {json.dumps(cookies)}\nalerts: {{mail_password: {PASSWORD}, ping_url: '{PING}'}}\n"
    )
    home.more_config(
        "logging: {level: DEBUG}\n"
        "alerts: {mail: {host: localhost, port: 9, security: none, username: me, recipients: [me@b.org]}}\n"
    )
    own = {"key": home.simulated.bridge.key, "token": home.simulated.alexa.refresh_token}
    long_cookies = {name: value for name, value in cookies.items() if len(value) > 5}
    return own | {"password": PASSWORD, "ping": PING} | long_cookies


def everything_written(home: SickHome, read_out: ReadOut, *arguments: str) -> str:
    code, out, err = run_health(home, read_out, *arguments)
    assert code in (0, 1, 2)
    assert out
    logs = (path for path in (home.folder / "logs").rglob("*") if path.is_file())
    return out + err + "".join(map(Path.read_text, logs))


def leaks(secrets: dict[str, str], text: str) -> set[str]:
    """Return the places whose secret is in the text; the line for monitors replaces bars."""
    return {
        place
        for place, secret in secrets.items()
        if any(form in text for form in (*encodings([secret]), secret.replace("|", "/")))
    }


@pytest.mark.parametrize(
    ("fault", "form"), [*((fault, ("--json",)) for fault in FAULTS), *(("much", form) for form in FORMS[::2])]
)
def test_health_check_security_no_credential_leak(
    home: SickHome, read_out: ReadOut, secrets: dict[str, str], fault: str, form: tuple[str, ...]
) -> None:
    FAULTS[fault](home)
    assert leaks(secrets, everything_written(home, read_out, "--send-test-mail", *form)) == set()


@pytest.mark.parametrize("broken", ["config.yaml", "secrets.yaml"])
def test_validator_security_no_credential_leak(
    home: SickHome, read_out: ReadOut, secrets: dict[str, str], broken: str
) -> None:
    """Also when the file that contains them is invalid, so that they are not known as secrets."""
    file = home.folder / "config" / broken
    text = file.read_text()
    key = secrets["key"]  # as the name of an alias, and of an anchor: the parser quotes both
    for damage in ("]\n", "\thue: x\n", '  "\n', "  - &\n", f"x: *{key}\n", f"x: &{key} [&{key} y]\n"):
        file.write_text(text + damage)
        code, out, err = run_health(home, read_out, "--json", "--offline")
        assert (code, broken in out) == (2, True)
        assert leaks(secrets, out + err) == set()


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_source_that_quotes_every_secret_is_redacted(
    home: SickHome,
    read_out: ReadOut,
    secrets: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[str, ...],
) -> None:
    def quoting(_self: Components, name: str, _loaded: object) -> Source:
        return MemorySource(name, [SourceUnavailable(f"sent: {' '.join(secrets.values())}")])

    monkeypatch.setattr(Components, "_connect", quoting)
    text = everything_written(home, read_out, *form)
    assert leaks(secrets, text) == set()
    assert "sent: ***" in text
