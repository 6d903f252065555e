"""All problems of a home's files are reported at once, each with its position, and without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loading import load
from domain.errors import SettingsError
from tests.support.config_homes import BRIDGE_ID, SECRETS, faults, loaded, one_setting, relative, write_home

NEEDLESS_QUOTES = "not a text in quotes; remove the quotes"


def test_all_faults_of_both_files_are_reported_at_once_in_order(tmp_path: Path) -> None:
    config = """\
collection:
  interval_seconds: "300"
  retry_attempts: many
storage:
  database_path: 5
  naive_zone: Mars/Olympus
validation: {indoor_temp_min: 50, outdoor_temp_min: 60}
logging:
  level: LOUD
collectors:
  hue:
    enabled: 1
    read: v3
    timeout_seconds: .inf
    bridges:
      - address: bridge.local
      - id: 12
    sensor_locations: [a]
"""
    assert faults(tmp_path, config, "hue: [1]\namazon_aqm: {cookies: {csrf: [x]}}\n") == [
        f"config.yaml:2:21: collection.interval_seconds: must be a whole number, {NEEDLESS_QUOTES}",
        "config.yaml:3:19: collection.retry_attempts: must be a whole number, not a text",
        "config.yaml:5:18: storage.database_path: must be a text, not a whole number; put it in quotes",
        "config.yaml:6:15: storage.naive_zone: must be the name of a time zone, such as Europe/Berlin",
        "config.yaml:7:31: validation.indoor_temp_min: 50 is not below indoor_temp_max, 40",
        "config.yaml:7:53: validation.outdoor_temp_min: 60 is not below outdoor_temp_max, 50",
        "config.yaml:9:10: logging.level: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        "config.yaml:12:14: collectors.hue.enabled: must be yes or no, not a whole number",
        "config.yaml:13:11: collectors.hue.read: must be one of auto, v2, v1, whole_bridge",
        "config.yaml:14:22: collectors.hue.timeout_seconds: must be a finite number",
        "config.yaml:16:9: collectors.hue.bridges[0].id: is missing",
        "config.yaml:17:13: collectors.hue.bridges[1].id: must be a bridge id: 16 hexadecimal digits",
        "config.yaml:18:23: collectors.hue.sensor_locations: must be a section (name: value), not a list",
        "secrets.yaml:1:6: hue: must be a section (name: value), not a list",
        "secrets.yaml:2:30: amazon_aqm.cookies.csrf: must be a text, not a list",
    ]


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("collection.interval_seconds", "0", "0 is out of range: 1 to 86,400"),
        ("storage.busy_timeout_ms", "-1", "-1 is out of range: at least 0"),
        ("collection.interval_seconds", "", "must be a whole number, not empty; remove the line"),
        (
            "collectors.hue.read",
            "whole-bridge",
            "must be one of auto, v2, v1, whole_bridge; did you mean whole_",
        ),
        ("report.mail", "weakly", "must be one of never, weekly; did you mean weekly?"),
        ("report.mail", "daily", "must be one of never, weekly"),
        ("collectors.hue.sensor_locations.a", "5", "must be a text, not a whole number"),
        ("validation.indoor_temp_min", "50", "50 is not below indoor_temp_max, 40"),
        ("collectors.amazon_aqm.humidity_min", "100", "100 is not below humidity_max, 100"),
        ("collectors.amazon_aqm.iaq_min", "100", "100 is not below iaq_max, 100"),
        ("collectors.amazon_aqm.domain", "evil.example", "must be a domain of Amazon's"),
        ("collectors.hue.bridge_ip", "a/b", "must be an address"),
        ("collectors.hue.auto_discover", "no", "is off, and a bridge has no address"),
        ("collectors.hue.bridges", f"[{{id: {BRIDGE_ID}}}, {{id: {BRIDGE_ID.upper()}}}]", "lists the bridge"),
    ],
)
def test_invalid_value_stops_the_program(tmp_path: Path, path: str, value: str, fault: str) -> None:
    (line,) = faults(tmp_path, one_setting(path, value))
    assert line.startswith("config.yaml:")
    assert f"{path}: {fault}" in line


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (f"collectors: {{hue: {{bridge_ip: a, bridges: [{{id: {BRIDGE_ID}}}]}}}}", "cannot be combined with"),
        ("alerts: {mail: {host: a, recipients: [b]}}", "alerts.mail.recipients: b is not a mail address"),
        ("alerts: {mail: {host: a}}", "alerts.mail.recipients: is missing"),
    ],
)
def test_keys_that_contradict_each_other_stop_the_program(tmp_path: Path, config: str, fault: str) -> None:
    (line,) = faults(tmp_path, config)
    assert fault in line


def test_unknown_key_is_reported_with_the_key_that_was_meant(tmp_path: Path) -> None:
    config = "collection:\n  intervall_seconds: 5\nbridge_ip: x\nbanana: {}\n"
    config += f"collectors: {{hue: {{timeout: 5, bridges: [{{id: {BRIDGE_ID}, adress: a}}]}}}}\n"
    secrets = f"hue: {{bridges: [{{id: {BRIDGE_ID}, api_key: k}}]}}\n"
    assert relative(loaded(tmp_path, config, secrets).warnings, tmp_path) == [
        "config.yaml:2:3: collection.intervall_seconds: unknown key, ignored; did you mean interval_seconds?",
        "config.yaml:3:1: bridge_ip: unknown key, ignored; did you mean collectors.hue.bridge_ip?",
        "config.yaml:4:1: banana: unknown key, ignored",
        "config.yaml:5:20: collectors.hue.timeout: unknown key, ignored",
        "config.yaml:5:65: collectors.hue.bridges[0].adress: unknown key, ignored; did you mean address?",
    ]


def test_report_that_no_server_can_send_is_a_warning(tmp_path: Path) -> None:
    loaded_home = loaded(tmp_path, one_setting("report.mail", "weekly"))
    assert loaded_home.settings.report.mail == "weekly"
    assert relative(loaded_home.warnings, tmp_path) == [
        "config.yaml:2:9: report.mail: has no effect: alerts.mail names no server; set its host"
    ]


def test_fault_comes_with_the_warnings_that_may_explain_it(tmp_path: Path) -> None:
    missing, unknown = faults(tmp_path, secrets="hue: {api-key: abc}\n")
    assert missing.startswith("secrets.yaml: hue.api_key: is missing; run homeclimate setup")
    assert unknown == "secrets.yaml:1:7: hue.?: warning: unknown key, ignored; did you mean api_key?"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "config.yaml: is empty"),
        (b"# nothing\n", "config.yaml: is empty"),
        (b"- a\n", "config.yaml:1:1: must be sections"),
        (b"hello\n", "config.yaml:1:1: must be sections"),
        (b"a: 1\nb: \xe9\n", "config.yaml:2:4: is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "config.yaml:1:1: is not UTF-8"),
        (b"#" * 1_000_001, "config.yaml: is larger than 1,000,000 bytes"),
        (None, "config.yaml: not found. Run `homeclimate setup` to make one"),
    ],
)
def test_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes | None, fault: str) -> None:
    assert faults(tmp_path, content)[0].startswith(fault)


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (warning,) = relative(loaded(tmp_path, b"\xef\xbb\xbfbanana: 1\n").warnings, tmp_path)
    assert warning == "config.yaml:1:1: banana: unknown key, ignored"


@pytest.mark.parametrize("name", ["folder.yaml", f"{'x' * 300}.yaml"])
def test_path_that_is_not_a_file_is_a_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SettingsError, match=r"\.yaml: (cannot be read|is not a file)"):
        load(write_home(tmp_path), config_file=tmp_path / name)


def test_foreign_keys_in_the_secrets_are_not_reported(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, secrets=f"{SECRETS}  paired_on: tuesday\nbanana: {{a: 1, a: !x 2}}\n").warnings == ()
    )


def test_missing_key_is_named_with_its_file(tmp_path: Path) -> None:
    (line,) = faults(tmp_path, secrets=None)
    assert line.startswith("secrets.yaml: hue.api_key: is missing; run homeclimate setup")
    assert "secrets.example.yaml is an example" in line


def test_listed_bridge_without_a_key_is_named(tmp_path: Path) -> None:
    config = f"collectors: {{hue: {{bridges: [{{id: {BRIDGE_ID}}}]}}}}"
    (line,) = faults(tmp_path, config, "{}")
    assert line.startswith(f"secrets.yaml: hue.bridges: has no api_key for the bridge {BRIDGE_ID}; run ")


def test_source_without_credentials_does_not_stop_the_other(tmp_path: Path) -> None:
    config = "collectors: {amazon_aqm: {enabled: yes}}"
    (warning,) = relative(loaded(tmp_path, config).warnings, tmp_path)
    assert warning.startswith("secrets.yaml: amazon_aqm.refresh_token: is missing, and so are the cookies")
    (warning,) = relative(loaded(tmp_path, config, "amazon_aqm: {refresh_token: Atnr|x}").warnings, tmp_path)
    assert warning.startswith("secrets.yaml: hue.api_key: is missing")
    assert len(faults(tmp_path, config, secrets=None)) == 2


def test_ping_url_that_is_not_a_url_is_reported_and_not_shown(tmp_path: Path) -> None:
    (warning,) = relative(
        loaded(tmp_path, secrets=f"{SECRETS}alerts: {{ping_url: hc-ping}}").warnings, tmp_path
    )
    assert warning == "secrets.yaml: alerts.ping_url: is not a URL, so it is not called"


@pytest.mark.parametrize(
    ("alerts", "path"),
    [
        ("[a]", "alerts"),
        ("text", "alerts"),
        ("{mail_password: [a, b]}", "alerts.mail_password"),
        ("{mail_password: {a: b}}", "alerts.mail_password"),
        ('{mail_password: "a\\tb"}', "alerts.mail_password"),
        ("{ping_url: [a]}", "alerts.ping_url"),
    ],
)
def test_alerts_of_a_wrong_form_do_not_stop_the_program(tmp_path: Path, alerts: str, path: str) -> None:
    home = loaded(tmp_path, secrets=f"{SECRETS}alerts: {alerts}\n")
    (warning,) = relative(home.warnings, tmp_path)
    assert warning.startswith("secrets.yaml:")
    assert f" {path}: " in warning
    assert home.secrets.hue.api_key is not None


def test_one_alert_of_a_wrong_form_leaves_the_other(tmp_path: Path) -> None:
    home = loaded(
        tmp_path, secrets=f"{SECRETS}alerts: {{mail_password: [a], ping_url: https://a.example/b}}\n"
    )
    assert home.secrets.alerts.ping_url is not None
    both = f"{SECRETS}alerts: {{mail_password: [a]}}\n".replace("api_key: ", "api_key: [a] #")
    assert any("hue.api_key" in fault for fault in faults(tmp_path, secrets=both))


def test_credentials_are_not_needed_without_collecting(tmp_path: Path) -> None:
    assert loaded(tmp_path, "collectors: {hue: {enabled: no}}", secrets=None).warnings == ()
    assert load(write_home(tmp_path, secrets=None), needs_secrets=False).warnings == ()


def test_readable_secrets_are_reported_with_the_command_that_protects_them(tmp_path: Path) -> None:
    path = write_home(tmp_path / "a home") / "config" / "secrets.yaml"
    path.chmod(0o640)
    assert load(tmp_path / "a home").warnings == (
        f"{path}: other users can read or change it (mode 0640); run: chmod 600 '{path}'",
    )


@pytest.mark.parametrize(
    "secrets",
    [
        "hue: {api_key: [do-not-show-me]}",
        "hue: {do-not-show-me: 1}",
        "hue: {do-not-show-me: 1, do-not-show-me: 2}",
        "hue: {bridge_id: do-not-show-me}",
        "hue: {bridge_ip: do-not/show-me}",
        "hue: {api_key: *do-not-show-me}",
        "hue: {api_key: !do-not-show-me x}",
        "hue: {api_key: !do-not-show-me!x x}",
        'hue: {api_key: "do-not-show-me\\n2"}',
        "hue: {api_key: do-not-show-me\u00e9}",
        "hue: {api_key: 'do-not-show-me}",
        "hue: do-not-show-me",
        "do-not-show-me",
        "hue:\n  api_key: x\n do-not-show-me\n",
        "amazon_aqm: {cookies: {do-not-show-me: [1]}}",
        "%TAG !do-not-show-me! a\n%TAG !do-not-show-me! b\n--- {}",
    ],
)
def test_fault_in_the_secrets_never_shows_one(tmp_path: Path, secrets: str) -> None:
    write_home(tmp_path, secrets=secrets)
    with pytest.raises(SettingsError, match=r"secrets\.yaml") as caught:
        load(tmp_path)
    assert not any(part in str(caught.value) for part in ("do-not-show-me", "do-not/show-me"))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_overlay_changes_single_keys(tmp_path: Path) -> None:
    write_home(tmp_path, "collection: {interval_seconds: 60, retry_attempts: 5}\n")
    (tmp_path / "config" / "config.lab.yaml").write_text("collection: {interval_seconds: 120}\nlevel: INFO\n")
    result = load(tmp_path, env="lab")
    assert result.settings.collection.interval_seconds == 120
    assert result.settings.collection.retry_attempts == 5
    assert relative(result.warnings, tmp_path) == [
        "config.lab.yaml:2:1: level: unknown key, ignored; did you mean logging.level?"
    ]
    assert load(tmp_path, env="").settings.collection.interval_seconds == 60


@pytest.mark.parametrize(
    ("env", "fault"),
    [
        ("lab", "config.lab.yaml: not found; the environment lab needs it"),
        ("../x", "config.yaml: the name of an environment may contain letters, digits, - and _ only"),
    ],
)
def test_environment_without_a_valid_name_and_overlay_is_a_fault(
    tmp_path: Path, env: str, fault: str
) -> None:
    assert faults(tmp_path, env=env) == [fault]


def test_other_configuration_file_is_used_with_the_secrets_of_the_home(tmp_path: Path) -> None:
    write_home(tmp_path / "home", config=None, secrets=SECRETS)
    other = tmp_path / "other.yaml"
    other.write_text("collectors: {hue: {bridge_ip: 192.168.1.2}}\n")
    result = load(tmp_path / "home", config_file=other)
    assert result.config_path == other
    assert result.secrets_path == tmp_path / "home" / "config" / "secrets.yaml"
    assert result.settings.storage.database_path == tmp_path / "home" / "data" / "readings.db"
    assert result.bridges[0].address == "192.168.1.2"


def test_relative_home_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_home(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    result = load(Path("home"), config_file=Path("home/config/config.yaml"))
    assert result.settings.storage.database_path == tmp_path / "home" / "data" / "readings.db"
    assert result.config_path == tmp_path / "home" / "config" / "config.yaml"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Atna|an-access-token", "This is an access token, which lasts an hour"),
        ('{"refresh_token": "Atnr|x"}', "This is JSON or a section"),
        ("session-id=1; session-token=2", "These are cookies"),
        ("without-its-beginning", "This is not a whole refresh token"),
        ("'\"Atnr|x\"'", "is read without the quotes around it"),
        ("|\n    Atnr|x\n    y", "is read without the line breaks in it"),
    ],
)
def test_a_refresh_token_that_cannot_be_one_does_not_stop_the_bridge(
    tmp_path: Path, written: str, words: str
) -> None:
    config = "collectors: {amazon_aqm: {enabled: yes}}"
    home = loaded(tmp_path, config, f"{SECRETS}amazon_aqm:\n  refresh_token: {written}\n")
    warnings = relative(home.warnings, tmp_path)
    assert f"secrets.yaml: amazon_aqm.refresh_token: {words}" in warnings[0]
    assert home.secrets.hue.api_key is not None
    token = home.secrets.amazon_aqm.refresh_token
    assert token is not None
    assert bool(token.value) == ("is read" in words)
    assert token.written in list(home.secrets.values()), "it must be redacted all the same"
