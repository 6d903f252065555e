"""What a report of a fault takes along: everything that is useful, and no secret."""

from __future__ import annotations

import base64
import json
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from domain.redaction import Redactor
from entrypoints.wiring.health import Components
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, asked_here

PARTS = {
    "README.txt",
    "health.json",
    "config.yaml",
    "secrets.txt",
    "versions.txt",
    "schema.sql",
    "ledger.jsonl",
    "log.txt",
}
PASSWORD = "MARKED-mail-password-77"


def bundled(home: SickHome, read_out: ReadOut, *arguments: str) -> Mapping[str, str]:
    """The texts of the bundle, by name."""
    file = home.deployment.folder / "bundle.zip"
    _, _, err = asked_here(home, read_out, "--offline", "--brief", "--bundle", str(file), *arguments)
    assert err == f"Wrote {file}. Look through it before you share it.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_well_home_s_bundle_has_every_part(home: SickHome, read_out: ReadOut) -> None:
    texts = bundled(home, read_out)
    assert set(texts) == PARTS
    assert json.loads(texts["health.json"])["checks"]["database"][0]["status"] == "pass"
    assert texts["config.yaml"] == home.deployment.config_file.read_text()
    assert "hue.api_key is set" in texts["secrets.txt"]
    assert "amazon_aqm.refresh_token is set" in texts["secrets.txt"]
    assert "SQLite " in texts["versions.txt"]
    assert "attrs " in texts["versions.txt"]
    assert "CREATE TABLE" in texts["schema.sql"]
    assert "-- readings: 11 rows" in texts["schema.sql"]
    assert {json.loads(line)["source"] for line in texts["ledger.jsonl"].splitlines()} == {"hue", "amazon"}
    assert " INFO cycle " in texts["log.txt"]


def test_no_reading_is_in_it(home: SickHome, read_out: ReadOut) -> None:
    for (device_id,) in home.deployment.rows("SELECT DISTINCT device_id FROM readings"):
        assert device_id not in bundled(home, read_out)["schema.sql"]
        (home.deployment.folder / "bundle.zip").unlink()


def test_only_the_last_day_is_in_it(home: SickHome, read_out: ReadOut) -> None:
    home.sql("UPDATE outcomes SET slot = '2020-01-01T00:00:00+00:00' WHERE source = 'hue'")
    log = home.deployment.folder / "logs" / "homeclimate.log"
    log.write_text(f"2020-01-01T00:00:00.000Z INFO old\n{log.read_text()}")
    log.with_name("homeclimate.log.1").write_text("2020-01-01T00:00:00.000Z INFO older\n")
    texts = bundled(home, read_out)
    assert "hue" not in texts["ledger.jsonl"]
    assert "old" not in texts["log.txt"]
    assert "cycle" in texts["log.txt"]


def remove_config(home: SickHome) -> None:
    home.deployment.config_file.unlink()


def break_config(home: SickHome) -> None:
    home.more_config("]\n")


def break_secrets(home: SickHome) -> None:
    home.deployment.secrets_file.write_text("hue: [\n")


def damage_database(home: SickHome) -> None:
    home.deployment.database.write_bytes(b"no database at all" * 500)


def remove_logs(home: SickHome) -> None:
    for file in (home.deployment.folder / "logs").iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("break_it", "part", "said"),
    [
        (remove_config, "config.yaml", "cannot be read: "),
        (remove_config, "ledger.jsonl", "cannot be read: the configuration"),
        (break_config, "log.txt", "cannot be read: the configuration"),
        (break_secrets, "secrets.txt", "cannot be read"),
        (damage_database, "schema.sql", "cannot be read: "),
        (damage_database, "ledger.jsonl", "cannot be read: "),
        (remove_logs, "log.txt", ""),
    ],
)
def test_a_part_that_cannot_be_had_says_why_and_the_others_are_there(
    home: SickHome, read_out: ReadOut, break_it: Callable[[SickHome], None], part: str, said: str
) -> None:
    break_it(home)
    texts = bundled(home, read_out)
    assert set(texts) == PARTS
    assert said in texts[part]
    assert "Python " in texts["versions.txt"]


def plant(home: SickHome) -> list[str]:
    """Secrets in each place that a bundle is made of; returns them in each form."""
    key, token = home.simulated.bridge.key, home.simulated.alexa.refresh_token
    forms = [
        form
        for secret in (key, token, PASSWORD)
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="))
    ]
    with home.deployment.secrets_file.open("a") as file:
        file.write(f"alerts: {{mail_password: {PASSWORD}}}\n")
    home.more_config("".join(f"# {form}\n" for form in forms))
    with (home.deployment.folder / "logs" / "homeclimate.log").open("a") as log:
        log.writelines(f"9999-01-01T00:00:00.000Z INFO library said={form}\n" for form in forms)
    home.sql(f"UPDATE outcomes SET detail = '{' '.join(forms)}'")  # noqa: S608
    home.state("upkeep.check", result="failed", at="2026-01-01T00:00:00+00:00", reason=" ".join(forms))
    return forms


def test_no_secret_is_in_it_wherever_it_stood(home: SickHome, read_out: ReadOut) -> None:
    planted = plant(home)
    texts = bundled(home, read_out)
    assert [(name, form) for name, text in texts.items() for form in planted if form in text] == []


def test_the_search_finds_them_when_nothing_blots_them_out(
    home: SickHome, read_out: ReadOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Careless(Redactor):
        def redact(self, text: str) -> str:
            return text

    monkeypatch.setattr(Components, "redactor", lambda _: Careless(()))
    planted = plant(home)
    texts = bundled(home, read_out)
    holding = {name for name, text in texts.items() if any(form in text for form in planted)}
    assert holding == {"health.json", "config.yaml", "ledger.jsonl", "log.txt"}


def test_a_file_that_is_there_stays(home: SickHome, read_out: ReadOut, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("kept")
    code, out, err = asked_here(home, read_out, "--offline", "--bundle", str(file))
    assert (code, out, "name another file" in err) == (64, "", True)
    assert file.read_text() == "kept"


def test_a_bundle_that_cannot_be_written_is_said_and_the_check_stands(
    home: SickHome, read_out: ReadOut, tmp_path: Path
) -> None:
    code, _, err = asked_here(home, read_out, "--offline", "--bundle", str(tmp_path / "none" / "b.zip"))
    assert (code, "no bundle was written" in err) == (0, True)
