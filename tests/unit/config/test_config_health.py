"""Problems of a home's files in the health check: their component, their weight, and the place to edit."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from config.documents.problems import Place, Problem, Severity
from config.health import (
    check_configuration,
    check_log,
    check_secrets,
    names_of_secrets,
    texts_to_redact,
    usable_settings,
)
from config.loading import Inspection
from config.secrets import AlertSecret, AlertSecrets, AmazonAqmSecrets, HueSecrets, Secret, Secrets
from config.settings import LoggingSettings, Settings
from domain.health.report import Status, Weight, failed, passed

CONFIG, SECRETS = "/home/config/config.yaml", "/home/config/secrets.yaml"
WRITABLE = passed("the folder is writable")
FATAL, ERROR, WARNING = Severity.FATAL, Severity.ERROR, Severity.WARNING


def a_problem(severity: Severity, file: str = CONFIG, line: int = 7, path: str = "storage.x") -> Problem:
    place = Place(file=file, line=line, column=3, path=path)
    return Problem(place=place, message="is odd", severity=severity)


def files(
    *problems: Problem, hue: bool = True, amazon: bool = False, secrets: Secrets | None = None
) -> Inspection:
    settings = Settings()
    enabled = attrs.evolve(
        settings.collectors,
        hue=attrs.evolve(settings.collectors.hue, enabled=hue),
        amazon_aqm=attrs.evolve(settings.collectors.amazon_aqm, enabled=amazon),
    )
    return Inspection(
        settings=attrs.evolve(settings, collectors=enabled),
        secrets=secrets,
        problems=problems,
        config_path=Path(CONFIG),
        secrets_path=Path(SECRETS),
    )


@pytest.mark.parametrize(
    ("severities", "status", "weight"),
    [
        ([], Status.PASS, None),
        ([WARNING], Status.WARN, None),
        ([ERROR], Status.FAIL, Weight.ORDINARY),
        ([FATAL], Status.FAIL, Weight.ESSENTIAL),
        ([WARNING, ERROR], Status.FAIL, Weight.ORDINARY),
        ([FATAL, ERROR, WARNING], Status.FAIL, Weight.ESSENTIAL),
    ],
)
def test_most_severe_problem_of_each_file_decides(
    severities: list[Severity], status: Status, weight: Weight | None
) -> None:
    of_config = files(*(a_problem(each, CONFIG) for each in severities))
    of_secrets = files(*(a_problem(each, SECRETS) for each in severities))
    for affected, other in (
        (check_configuration(of_config), check_secrets(of_config)),
        (check_secrets(of_secrets), check_configuration(of_secrets)),
    ):
        assert (affected.status, affected.weight, other.status) == (status, weight, Status.PASS)


@pytest.mark.parametrize(("line", "position"), [(9, f"{CONFIG}:9"), (0, CONFIG)])
def test_all_problems_are_shown_with_the_position_of_the_most_severe(line: int, position: str) -> None:
    found = files(a_problem(WARNING, line=2), a_problem(FATAL, line=line), a_problem(ERROR, line=11))
    answer = check_configuration(found)
    assert answer.summary.count("is odd") == 3
    assert answer.next_step == f"Correct {position}."


@pytest.mark.parametrize(
    ("hue", "amazon", "status"),
    [(True, False, Status.PASS), (False, True, Status.PASS), (False, False, Status.FAIL)],
)
def test_one_source_must_be_enabled(hue: bool, amazon: bool, status: Status) -> None:
    assert check_configuration(files(hue=hue, amazon=amazon)).status is status


@pytest.mark.parametrize("path", ["logging.max_bytes", "logging.backup_count"])
def test_capped_log_limits_belong_to_the_log_and_invalid_ones_to_the_configuration(path: str) -> None:
    capped, invalid = files(a_problem(WARNING, path=path)), files(a_problem(FATAL, path=path))
    answer = check_log(capped, LoggingSettings(), WRITABLE)
    assert (answer.status, answer.next_step.startswith(f"Edit {CONFIG}:7:")) == (Status.WARN, True)
    assert check_configuration(capped).status is Status.PASS
    assert check_log(invalid, LoggingSettings(), WRITABLE) is WRITABLE
    assert check_configuration(invalid).status is Status.FAIL


def test_state_of_the_log_folder_precedes_its_limits() -> None:
    capped, full = files(a_problem(WARNING, path="logging.max_bytes")), failed("full", "Remove files.")
    assert check_log(capped, LoggingSettings(), full) is full
    without_log = LoggingSettings(enable_file_logging=False)
    assert check_log(capped, without_log, full).status is Status.SKIPPED


def test_next_step_that_is_a_sentence_is_shown_once() -> None:
    missing = attrs.evolve(a_problem(FATAL, line=0, path=""), message="not found. Run `x`, or name another")
    answer = check_configuration(files(missing))
    assert (answer.summary, answer.next_step) == (f"{CONFIG} - not found", "Run `x`, or name another.")


@pytest.mark.parametrize(("severity", "is_usable"), [(WARNING, True), (ERROR, True), (FATAL, False)])
def test_settings_with_a_fatal_problem_are_not_used(severity: Severity, is_usable: bool) -> None:
    found = files(a_problem(severity))
    assert usable_settings(found) is (found.settings if is_usable else None)


def test_secrets_are_named_and_counted_and_never_shown() -> None:
    hidden = Secret("do-not-show-me")
    secrets = Secrets(
        hue=HueSecrets(api_key=hidden, bridge_id="0" * 16),
        amazon_aqm=AmazonAqmSecrets(cookies={"at-main": hidden, "x-main": hidden}),
        alerts=AlertSecrets(mail_password=AlertSecret("do-not-show-me"), ping_url=AlertSecret("do-not")),
    )
    assert list(names_of_secrets(files(secrets=secrets))) == [
        "hue.api_key is set",
        "hue.bridge_id is set",
        "amazon_aqm.cookies is set (2)",
        "alerts.mail_password is set",
        "alerts.ping_url is set",
    ]
    assert texts_to_redact(files(secrets=secrets)) == tuple(secrets.values())


def test_words_of_large_invalid_secrets_are_limited(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text("".join(f"word-{number}\n" for number in range(200_000)) + "made-up-hue-key-of-forty")
    words = texts_to_redact(attrs.evolve(files(), secrets_path=path))
    assert len(words) == 1000
    assert min(map(len, words)) > len("word-9999")


def test_every_longer_word_of_invalid_secrets_is_redacted(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text("hue: [api_key: made-up-hue-key, bridge_id: 'x'\n")
    found = attrs.evolve(files(), secrets_path=path)
    assert texts_to_redact(found) == ("made-up-hue-key",)
    assert "cannot be read" in next(names_of_secrets(found))
    path.unlink()
    assert texts_to_redact(found) == ()
