"""What is wrong with a home's files is said all at once, each with its line, and no secret with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loading import load
from domain.errors import SettingsError
from tests.support.config_homes import BRIDGE_ID, SECRETS, faults, loaded, relative, write_home

NEEDLESS_QUOTES = "not a text in quotes; remove the quotes"


def test_all_faults_of_both_files_come_at_once_in_their_order(tmp_path: Path) -> None:
    config = """\
collection:
  interval_seconds: "300"
  retry_attempts: many
storage:
  database_path: 5
  naive_zone: Mars/Olympus
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
        "config.yaml:8:10: logging.level: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        "config.yaml:11:14: collectors.hue.enabled: must be yes or no, not a whole number",
        "config.yaml:12:11: collectors.hue.read: must be one of auto, v2, v1, whole_bridge",
        "config.yaml:13:22: collectors.hue.timeout_seconds: must be a number that ends, not infinite or .nan",
        "config.yaml:15:9: collectors.hue.bridges[0].id: is missing",
        "config.yaml:16:13: collectors.hue.bridges[1].id: must be a bridge id: 16 hexadecimal digits",
        "config.yaml:17:23: collectors.hue.sensor_locations: must be a section (name: value), not a list",
        "secrets.yaml:1:6: hue: must be a section (name: value), not a list",
        "secrets.yaml:2:30: amazon_aqm.cookies.csrf: must be a text, not a list",
    ]


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (
            "collection: {interval_seconds: 0}",
            "1:32: collection.interval_seconds: 0 is out of range: 1 to 86,400",
        ),
        ("collection: {interval_seconds: 13:00}", "must be a whole number, not a text"),
        ("collection: {interval_seconds: 1.5}", "must be a whole number, not a number"),
        ("collection: {interval_seconds: yes}", "must be a whole number, not yes or no"),
        (
            "collection: {interval_seconds: }",
            "must be a whole number, not nothing; remove the line for the default",
        ),
        ("collection: {interval_seconds: {a: 1}}", "must be a whole number, not a section"),
        ("storage: {busy_timeout_ms: -1}", "-1 is out of range: at least 0"),
        ("storage: {database_path: ''}", "storage.database_path: must be a text, and is empty"),
        ("storage: {database_path: ~no-such-user/x}", "begins with the home folder (~) of a user"),
        ("collectors: {hue: {enabled: 'yes'}}", "must be yes or no, not a text in quotes; remove the quotes"),
        ("collectors: {hue: {read: whole-bridge}}", "did you mean whole_bridge?"),
        (
            "collectors: {hue: {sensor_locations: {a: 5}}}",
            "sensor_locations.a: must be a text, not a whole number",
        ),
        ('collectors: {hue: {sensor_locations: {a: "x\\ny"}}}', "holds a control character or a line break"),
        (
            "collectors: {hue: {temperature_min: 40, temperature_max: 0}}",
            "40 is not below temperature_max, 0",
        ),
        (
            "validation: {indoor_temp_min: 50}",
            "validation.indoor_temp_min: 50 is not below indoor_temp_max, 40",
        ),
        ("collectors: {amazon_aqm: {iaq_min: 100}}", "iaq_min: 100 is not below iaq_max, 100"),
        ("collectors: {amazon_aqm: {domain: evil.example}}", "must be a domain of Amazon's"),
        ("collectors: {hue: {bridge_ip: 'a/b'}}", "must be an address"),
        ("collectors: {hue: {auto_discover: no}}", "auto_discover: is off, and a bridge has no address"),
        (f"collectors: {{hue: {{bridge_ip: a, bridges: [{{id: {BRIDGE_ID}}}]}}}}", "stands beside bridge_ip"),
        (
            f"collectors: {{hue: {{bridges: [{{id: {BRIDGE_ID}}}, {{id: {BRIDGE_ID.upper()}}}]}}}}",
            f"lists the bridge {BRIDGE_ID} twice",
        ),
    ],
)
def test_what_does_not_fit_stops_the_program(tmp_path: Path, config: str, fault: str) -> None:
    (line,) = faults(tmp_path, config)
    assert line.startswith("config.yaml:1:")
    assert fault in line


def test_an_unknown_key_warns_with_what_was_meant(tmp_path: Path) -> None:
    config = (
        "collection:\n  intervall_seconds: 5\nbridge_ip: x\nbanana: {}\ncollectors: {hue: {timeout: 5}}\n"
    )
    assert relative(loaded(tmp_path, config).warnings, tmp_path) == [
        "config.yaml:2:3: collection.intervall_seconds: unknown key, ignored; did you mean interval_seconds?",
        "config.yaml:3:1: bridge_ip: unknown key, ignored; did you mean collectors.hue.bridge_ip?",
        "config.yaml:4:1: banana: unknown key, ignored",
        "config.yaml:5:20: collectors.hue.timeout: unknown key, ignored",
    ]


def test_a_fault_comes_with_the_warnings_that_may_explain_it(tmp_path: Path) -> None:
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
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    assert faults(tmp_path, content)[0].startswith(fault)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (said,) = relative(loaded(tmp_path, b"\xef\xbb\xbfbanana: 1\n").warnings, tmp_path)
    assert said == "config.yaml:1:1: banana: unknown key, ignored"


def test_a_home_without_a_configuration_is_told_how_to_begin(tmp_path: Path) -> None:
    (line,) = faults(tmp_path, config=None)
    assert line.startswith("config.yaml: not found; to begin, run homeclimate setup, or copy ")
    assert "default.yaml" in line


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path) -> None:
    (write_home(tmp_path, config=None) / "config" / "config.yaml").mkdir()
    with pytest.raises(Exception, match=r"config\.yaml: is not a file"):
        load(tmp_path)


def test_keys_that_are_none_of_our_business_are_not_spoken_of(tmp_path: Path) -> None:
    assert loaded(tmp_path, secrets=f"{SECRETS}  paired_on: tuesday\nbanana: 1\n").warnings == ()


def test_a_path_that_no_file_can_have_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"x\.yaml: (cannot be read|is not a file)"):
        load(write_home(tmp_path), config_file=tmp_path / f"{'x' * 300}.yaml")


def test_a_missing_key_is_named_with_its_file(tmp_path: Path) -> None:
    (line,) = faults(tmp_path, secrets=None)
    assert line.startswith("secrets.yaml: hue.api_key: is missing; run homeclimate setup")
    assert "secrets.example.yaml is an example" in line


def test_a_listed_bridge_without_a_key_is_named(tmp_path: Path) -> None:
    config = f"collectors: {{hue: {{bridges: [{{id: {BRIDGE_ID}}}]}}}}"
    (line,) = faults(tmp_path, config, "{}")
    assert line.startswith(
        f"secrets.yaml: hue.bridges: has no api_key for the bridge {BRIDGE_ID}; run homeclimate setup"
    )


def test_missing_credentials_of_one_source_do_not_stop_the_other(tmp_path: Path) -> None:
    config = "collectors: {amazon_aqm: {enabled: yes}}"
    (said,) = relative(loaded(tmp_path, config).warnings, tmp_path)
    assert said.startswith("secrets.yaml: amazon_aqm.refresh_token: is missing, and so are the cookies")
    (said,) = relative(loaded(tmp_path, config, "amazon_aqm: {refresh_token: Atnr}").warnings, tmp_path)
    assert said.startswith("secrets.yaml: hue.api_key: is missing")
    assert len(faults(tmp_path, config, secrets=None)) == 2


def test_disabled_collectors_need_no_credentials(tmp_path: Path) -> None:
    assert loaded(tmp_path, "collectors: {hue: {enabled: no}}", secrets=None).warnings == ()


def test_what_only_reads_the_database_needs_no_credentials(tmp_path: Path) -> None:
    assert load(write_home(tmp_path, secrets=None), needs_secrets=False).warnings == ()


def test_secrets_that_others_can_read_come_with_the_command_that_hides_them(tmp_path: Path) -> None:
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
def test_a_fault_in_the_secrets_never_shows_one(tmp_path: Path, secrets: str) -> None:
    shown = "\n".join(faults(tmp_path, secrets=secrets))
    assert "secrets.yaml" in shown
    assert "do-not-show-me" not in shown


def test_a_fault_carries_no_other_exception_that_could_show_a_secret(tmp_path: Path) -> None:
    write_home(tmp_path, secrets="hue: {api_key: 'do-not-show-me}")
    with pytest.raises(Exception, match="not YAML") as caught:
        load(tmp_path)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_overlay_changes_single_keys(tmp_path: Path) -> None:
    write_home(tmp_path, "collection: {interval_seconds: 60, retry_attempts: 5}\n")
    (tmp_path / "config" / "config.lab.yaml").write_text("collection: {interval_seconds: 120}\nlevel: INFO\n")
    result = load(tmp_path, env="lab")
    assert result.settings.collection.interval_seconds == 120
    assert result.settings.collection.retry_attempts == 5
    assert relative(result.warnings, tmp_path) == [
        "config.lab.yaml:2:1: level: unknown key, ignored; did you mean logging.level?"
    ]
    assert load(tmp_path, env="").settings.collection.interval_seconds == 60


def test_a_named_environment_without_its_overlay_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, env="lab") == ["config.lab.yaml: not found; the environment lab needs it"]


def test_the_name_of_an_environment_leads_to_no_other_folder(tmp_path: Path) -> None:
    assert "letters, digits, - and _ only" in faults(tmp_path, env="../x")[0]


def test_another_configuration_file_still_has_the_secrets_of_the_home(tmp_path: Path) -> None:
    write_home(tmp_path / "home", config=None, secrets=SECRETS)
    other = tmp_path / "other.yaml"
    other.write_text("collectors: {hue: {bridge_ip: 192.168.1.2}}\n")
    result = load(tmp_path / "home", config_file=other)
    assert result.config_path == other
    assert result.secrets_path == tmp_path / "home" / "config" / "secrets.yaml"
    assert result.settings.storage.database_path == tmp_path / "home" / "data" / "readings.db"
    assert result.bridges[0].address == "192.168.1.2"


def test_a_relative_home_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_home(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    result = load(Path("home"), config_file=Path("home/config/config.yaml"))
    assert result.settings.storage.database_path == tmp_path / "home" / "data" / "readings.db"
    assert result.config_path == tmp_path / "home" / "config" / "config.yaml"
