"""The bundle for a bug report: every part, and no secret."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, encodings, run_health

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


def write_bundle(home: SickHome, read_out: ReadOut) -> Mapping[str, str]:
    """Return the texts of the bundle, by name."""
    file = home.folder / "bundle.zip"
    _, _, err = run_health(home, read_out, "--offline", "--brief", "--bundle", str(file))
    assert err == f"Wrote {file}. Look through it before you share it.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_bundle_of_a_healthy_home_has_every_part_and_no_reading(home: SickHome, read_out: ReadOut) -> None:
    texts = write_bundle(home, read_out)
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
    for (device_id,) in home.deployment.rows("SELECT DISTINCT device_id FROM readings"):
        assert device_id not in texts["schema.sql"]


def test_only_the_last_day_is_in_the_bundle(home: SickHome, read_out: ReadOut) -> None:
    home.sql("UPDATE outcomes SET slot = '2020-01-01T00:00:00+00:00' WHERE source = 'hue'")
    log = home.folder / "logs" / "homeclimate.log"
    log.write_text(f"2020-01-01T00:00:00.000Z INFO old\n{log.read_text()}")
    log.with_name("homeclimate.log.1").write_text("2020-01-01T00:00:00.000Z INFO older\n")
    texts = write_bundle(home, read_out)
    assert "hue" not in texts["ledger.jsonl"]
    assert "old" not in texts["log.txt"]
    assert "cycle" in texts["log.txt"]


def replace_by_pipes(*files: Path) -> None:
    for file in files:
        file.unlink()
        os.mkfifo(file)


def remove_logs(home: SickHome) -> None:
    for file in (home.folder / "logs").iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("break_it", "errors"),
    [
        (
            lambda home: home.deployment.config_file.unlink(),
            {"config.yaml": "", "ledger.jsonl": "the configuration"},
        ),
        (lambda home: home.more_config("]\n"), {"log.txt": "the configuration"}),
        (lambda home: home.deployment.secrets_file.write_text("hue: [\n"), {"secrets.txt": ""}),
        (
            lambda home: home.deployment.database.write_bytes(b"no database at all" * 500),
            {"schema.sql": "", "ledger.jsonl": ""},
        ),
        (remove_logs, {}),
        (
            lambda home: replace_by_pipes(home.deployment.config_file),
            {"config.yaml": "a named pipe", "log.txt": "the configuration"},
        ),
        (
            lambda home: replace_by_pipes(home.deployment.database, home.folder / "logs" / "homeclimate.log"),
            {"schema.sql": "a named pipe", "ledger.jsonl": "a named pipe", "log.txt": "a named pipe"},
        ),
    ],
    ids=[
        "no configuration",
        "broken configuration",
        "broken secrets",
        "damaged database",
        "no logs",
        "configuration is a pipe",
        "database and log are pipes",
    ],
)
def test_unreadable_part_contains_the_error(
    home: SickHome, read_out: ReadOut, break_it: Callable[[SickHome], object], errors: dict[str, str]
) -> None:
    break_it(home)
    texts = write_bundle(home, read_out)
    assert set(texts) == PARTS
    for part, error in errors.items():
        assert "cannot be read" in texts[part]
        assert error in texts[part]
    assert "Python " in texts["versions.txt"]


def plant_secrets(home: SickHome) -> list[str]:
    """Put secrets in each place that the bundle is made from; return them in each encoding."""
    forms = encodings([home.simulated.bridge.key, home.simulated.alexa.refresh_token, PASSWORD])
    home.more_secrets(f"alerts: {{mail_password: {PASSWORD}}}\n")
    home.more_config("".join(f"# {form}\n" for form in forms))
    with (home.folder / "logs" / "homeclimate.log").open("a") as log:
        log.writelines(f"9999-01-01T00:00:00.000Z INFO library said={form}\n" for form in forms)
    home.sql(f"UPDATE outcomes SET detail = '{' '.join(forms)}'")  # noqa: S608
    home.state("upkeep.check", result="failed", at="2026-01-01T00:00:00+00:00", reason=" ".join(forms))
    return forms


def test_bundle_contains_no_secret(home: SickHome, read_out: ReadOut) -> None:
    planted = plant_secrets(home)
    texts = write_bundle(home, read_out)
    assert not {name for name, text in texts.items() if any(form in text for form in planted)}
    for name in ("health.json", "config.yaml", "ledger.jsonl", "log.txt"):
        assert "***" in texts[name]


def test_existing_file_is_not_overwritten(home: SickHome, read_out: ReadOut, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("kept")
    code, out, err = run_health(home, read_out, "--offline", "--bundle", str(file))
    assert (code, out, "name another file" in err) == (64, "", True)
    assert file.read_text() == "kept"


def test_bundle_that_cannot_be_written_does_not_change_the_result(
    home: SickHome, read_out: ReadOut, tmp_path: Path
) -> None:
    code, _, err = run_health(home, read_out, "--offline", "--bundle", str(tmp_path / "none" / "b.zip"))
    assert (code, "no bundle was written" in err) == (0, True)
