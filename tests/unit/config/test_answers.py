"""What is said of a home's files stands under the component that it is about, with the place to mend."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from config import answers
from config.faults import Gravity, Place, Remark
from config.loading import Inspection
from config.secrets import AlertSecrets, AmazonAqmSecrets, HueSecrets, Secret, Secrets
from config.settings import Settings
from domain.health import Answer, Status, Weight

CONFIG, SECRETS = "/home/config/config.yaml", "/home/config/secrets.yaml"
FAULT, MISTAKE, WARNING = Gravity.FAULT, Gravity.MISTAKE, Gravity.WARNING


def a_remark(gravity: Gravity, file: str = CONFIG, line: int = 7, path: str = "storage.x") -> Remark:
    return Remark(place=Place(file=file, line=line, column=3, path=path), message="is odd", gravity=gravity)


def files(
    *remarks: Remark, hue: bool = True, amazon: bool = False, secrets: Secrets | None = None
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
        remarks=remarks,
        config_path=Path(CONFIG),
        secrets_path=Path(SECRETS),
    )


def told(answer: Answer) -> tuple[Status, Weight | None]:
    return answer.status, answer.weight


@pytest.mark.parametrize(
    ("gravities", "status", "weight"),
    [
        ([], Status.PASS, None),
        ([WARNING], Status.WARN, None),
        ([MISTAKE], Status.FAIL, Weight.ORDINARY),
        ([FAULT], Status.FAIL, Weight.ESSENTIAL),
        ([WARNING, MISTAKE], Status.FAIL, Weight.ORDINARY),
        ([FAULT, MISTAKE, WARNING], Status.FAIL, Weight.ESSENTIAL),
    ],
)
def test_the_gravest_remark_decides(gravities: list[Gravity], status: Status, weight: Weight | None) -> None:
    assert told(answers.of_configuration(files(*map(a_remark, gravities)))) == (status, weight)
    of_secrets = [a_remark(gravity, SECRETS) for gravity in gravities]
    assert told(answers.of_secrets(files(*of_secrets))) == (status, weight)


def test_each_file_answers_for_its_own_remarks() -> None:
    found = files(a_remark(FAULT, SECRETS))
    assert answers.of_configuration(found).status is Status.PASS
    found = files(a_remark(FAULT, CONFIG))
    assert answers.of_secrets(found).status is Status.PASS


def test_all_remarks_are_told_and_the_step_names_the_place_of_the_gravest() -> None:
    found = files(a_remark(WARNING, line=2), a_remark(FAULT, line=9), a_remark(MISTAKE, line=11))
    answer = answers.of_configuration(found)
    assert answer.summary.count("is odd") == 3
    assert answer.next_step.startswith(f"Mend {CONFIG}:9,")


def test_what_is_said_of_a_whole_file_names_the_file() -> None:
    answer = answers.of_configuration(files(a_remark(FAULT, line=0)))
    assert answer.next_step.startswith(f"Mend {CONFIG},")


@pytest.mark.parametrize(
    ("hue", "amazon", "status"),
    [(True, False, Status.PASS), (False, True, Status.PASS), (False, False, Status.FAIL)],
)
def test_one_source_has_to_be_enabled(hue: bool, amazon: bool, status: Status) -> None:
    assert answers.of_configuration(files(hue=hue, amazon=amazon)).status is status


@pytest.mark.parametrize("path", ["logging.max_bytes", "logging.backup_count"])
def test_limits_of_the_log_are_told_of_with_the_log(path: str) -> None:
    found = files(a_remark(WARNING, path=path))
    answer = answers.of_log_limits(found)
    assert answer is not None
    assert (answer.status, answer.next_step.startswith(f"Edit {CONFIG}:7:")) == (Status.WARN, True)
    assert answers.of_configuration(found).status is Status.PASS


def test_a_limit_of_the_log_that_is_no_number_is_a_fault_of_the_configuration() -> None:
    found = files(a_remark(FAULT, path="logging.max_bytes"))
    assert answers.of_log_limits(found) is None
    assert answers.of_configuration(found).status is Status.FAIL


def test_secrets_are_named_and_counted_and_never_shown() -> None:
    hidden = Secret("do-not-show-me")
    secrets = Secrets(
        hue=HueSecrets(api_key=hidden, bridge_id="0" * 16),
        amazon_aqm=AmazonAqmSecrets(cookies={"at-main": hidden, "x-main": hidden}),
        alerts=AlertSecrets(mail_password=hidden, ping_url=hidden),
    )
    named = list(answers.secrets_that_are_set(files(secrets=secrets)))
    assert [name.partition(" is set")[0] for name in named] == [
        "hue.api_key",
        "hue.bridge_id",
        "amazon_aqm.cookies",
        "alerts.mail_password",
        "alerts.ping_url",
    ]
    assert "amazon_aqm.cookies is set (2)" in named
    assert "do-not-show-me" not in str(named)
    assert answers.untold(files(secrets=secrets)) == tuple(secrets.values())


def test_of_a_file_that_makes_no_sense_no_longer_word_may_be_told(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text("hue: [api_key: made-up-hue-key, bridge_id: 'x'\n")
    found = attrs.evolve(files(), secrets_path=path)
    assert answers.untold(found) == ("made-up-hue-key",)
    assert "cannot be read" in next(answers.secrets_that_are_set(found))
    path.unlink()
    assert answers.untold(found) == ()
