"""No form of a health check tells a secret of any kind, whatever is wrong, and whoever quotes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.memory.source import MemorySource
from domain.errors import SourceUnavailable
from domain.redaction import Redactor
from entrypoints.wiring.health import Components
from ports.source import Source
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, asked_here

PASSWORD, PING = "MARKED-mail-password-7d2", "https://localhost:9/MARKED-ping-7d2"
FORMS: tuple[tuple[str, ...], ...] = ((), ("--json",), ("--brief",))
Fault = Callable[[SickHome], object]
BRIDGE_FAULTS = ("reset", "throttle", "unavailable", "html", "garbled", "revoked", "redirect", "certificate")
ALEXA_FAULTS = ("reset", "throttle", "unavailable", "garbled", "redirect", "forbidden", "throttled-inside")


def bridge(kind: str) -> Fault:
    return lambda home: home.simulated.bridge.faults.add(f"kind={kind}")


def alexa(kind: str) -> Fault:
    return lambda home: home.simulated.alexa.faults.add(f"kind={kind}")


FAULTS: dict[str, Fault] = {
    **{f"bridge {kind}": bridge(kind) for kind in BRIDGE_FAULTS},
    **{f"alexa {kind}": alexa(kind) for kind in ALEXA_FAULTS},
    "secrets that others read": lambda home: home.deployment.secrets_file.chmod(0o644),
    "a damaged database": lambda home: home.deployment.database.write_bytes(b"no database" * 500),
    "no database folder": lambda home: home.data.rename(home.data.with_name("elsewhere")),
}


@pytest.fixture
def marked(home: SickHome) -> dict[str, str]:
    """The home's secrets by their place; each place that can hold one holds one."""
    alexa = home.simulated.alexa
    cookies = dict(alexa.cookies)
    with home.deployment.secrets_file.open("a") as file:
        file.write(f"  cookies: {json.dumps(cookies)}\n")
        file.write(f"alerts: {{mail_password: {PASSWORD}, ping_url: '{PING}'}}\n")
    home.more_config(
        "logging: {level: DEBUG}\n"
        "alerts: {mail: {host: localhost, port: 9, security: none, username: me, recipients: [me@b.org]}}\n"
    )
    secrets = {
        "key": home.simulated.bridge.key,
        "token": alexa.refresh_token,
        "password": PASSWORD,
        "ping": PING,
    }
    return secrets | {name: value for name, value in cookies.items() if len(value) > 5}


def told(home: SickHome, read_out: ReadOut, *arguments: str) -> str:
    """All that is written where somebody else may read it."""
    code, out, err = asked_here(home, read_out, *arguments)
    assert code in (0, 1, 2)
    assert out
    logs = (path for path in (home.deployment.folder / "logs").rglob("*") if path.is_file())
    return out + err + "".join(map(Path.read_text, logs))


def found(marked: dict[str, str], text: str) -> set[str]:
    """The places whose secret stands in the text, in any of its forms."""
    return {place for place, secret in marked.items() if any(form in text for form in forms_of(secret))}


def forms_of(secret: str) -> tuple[str, ...]:
    """As URLs and headers have it, and as the line for monitors, in which a bar has a meaning of its own."""
    in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")
    return secret, quote(secret, safe=""), in_base64, secret.replace("|", "/")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_form_tells_a_secret_whatever_is_wrong(
    home: SickHome, read_out: ReadOut, marked: dict[str, str], fault: Fault
) -> None:
    fault(home)
    for form in FORMS:
        assert found(marked, told(home, read_out, "--send-test-mail", *form)) == set()


def quoting(marked: dict[str, str]) -> Callable[..., Source]:
    """As a library that repeats all that it was given in what it complains of."""
    return lambda _self, _kind, name, _loaded: MemorySource(
        name, [SourceUnavailable(f"sent: {' '.join(marked.values())}")]
    )


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_a_source_that_quotes_every_secret_is_not_repeated(
    home: SickHome,
    read_out: ReadOut,
    marked: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[str, ...],
) -> None:
    monkeypatch.setattr(Components, "_connect", quoting(marked))
    text = told(home, read_out, *form)
    assert "sent: ***" in text
    assert found(marked, text) == set()


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_the_search_finds_each_secret_where_nothing_is_blotted_out(
    home: SickHome,
    read_out: ReadOut,
    marked: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[str, ...],
) -> None:
    class Careless(Redactor):
        def redact(self, text: str) -> str:
            return text

    monkeypatch.setattr(Components, "_connect", quoting(marked))
    monkeypatch.setattr(Components, "redactor", lambda _: Careless(()))
    assert found(marked, told(home, read_out, *form)) == set(marked)
