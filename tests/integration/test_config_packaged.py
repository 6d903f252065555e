"""The files that come with the program agree with what it does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from config.documents.structuring import paths_of
from config.files import PackagedName, packaged_path
from config.json_schema import schema, schema_text
from config.loading import load
from config.secrets import Secrets
from config.settings import Settings
from tests.support.config_homes import write_home

CHECKOUT = Path(__file__).parents[2]
EXAMPLES: tuple[PackagedName, ...] = ("default.yaml", "secrets.example.yaml")
WITHOUT_EFFECT = {"storage.enable_pooling", "storage.enable_wal_mode"}


def text_of(name: PackagedName) -> str:
    return packaged_path(name).read_text(encoding="utf-8")


def test_default_file_loads_without_warnings_as_the_defaults(tmp_path: Path) -> None:
    result = load(write_home(tmp_path, text_of("default.yaml")))
    assert result.warnings == ()
    assert result.settings == Settings().at(tmp_path)


def test_default_file_has_every_key_and_those_without_effect_as_comments() -> None:
    held = set(_paths(yaml.safe_load(text_of("default.yaml"))))
    assert set(paths_of(Settings)) - held == WITHOUT_EFFECT
    assert all(f"# {path.rpartition('.')[2]}: " in text_of("default.yaml") for path in WITHOUT_EFFECT)


def test_example_of_secrets_has_every_section_and_no_secret(tmp_path: Path) -> None:
    write_home(tmp_path, secrets=text_of("secrets.example.yaml"))
    result = load(tmp_path, needs_secrets=False)
    assert (result.warnings, result.secrets) == ((), Secrets())


def test_commented_examples_load(tmp_path: Path) -> None:
    config, secrets = (_uncommented(text_of(name)) for name in EXAMPLES)
    result = load(write_home(tmp_path, config, secrets), needs_secrets=False)
    assert {line.rpartition(": ")[0].rpartition(": ")[2] for line in result.warnings} == {"has no effect"}
    hue, aqm = result.settings.collectors.hue, result.settings.collectors.amazon_aqm
    assert [(bridge.id, bridge.address) for bridge in hue.bridges] == [("001788fffe123456", "192.168.1.2")]
    assert list(hue.sensor_locations.values()) == ["Living room"]
    assert list(aqm.device_locations.values()) == ["Kitchen"]
    assert [bridge.id for bridge in result.secrets.hue.bridges] == ["001788fffe123456"]


def test_committed_schema_is_up_to_date() -> None:
    assert text_of("schema.json") == schema_text()
    assert json.loads(schema_text()) == schema()


def test_schema_has_every_key_with_its_description_and_default() -> None:
    described = dict(_leaves(schema()))
    sections = {path.rpartition(".")[0] for path in paths_of(Settings)}
    assert {path for path in paths_of(Settings) if path not in sections} == set(described)
    assert all("description" in leaf for leaf in described.values())
    assert described["collection.interval_seconds"] == {
        "type": "integer",
        "description": "seconds between two cycles, for every source without its own interval",
        "minimum": 1,
        "maximum": 86400,
        "default": 300,
    }
    assert described["storage.naive_zone"]["type"] == ["string", "null"]
    assert described["storage.enable_pooling"]["deprecated"] is True
    assert described["collectors.hue.read"]["enum"] == ["auto", "v2", "v1", "whole_bridge"]
    bridge = described["collectors.hue.bridges"]["items"]
    assert (bridge["required"], list(bridge["properties"])) == (
        ["id"],
        ["id", "address", "certificate_sha256"],
    )
    json.dumps(described, allow_nan=False)


def test_reference_has_every_section_and_key() -> None:
    text = (CHECKOUT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    for path in paths_of(Settings):
        section, _, name = path.rpartition(".")
        assert f"## `{path}`" in text or name in _rows(text, section), path


def _rows(text: str, section: str) -> list[str]:
    """The keys that the table of a section lists."""
    _, _, after = text.partition(f"## `{section}`")
    table = after.partition("\n## ")[0]
    return [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]


def _paths(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    return [f"{prefix}{name}" for name in node] + [
        path for name, inner in node.items() for path in _paths(inner, f"{prefix}{name}.")
    ]


def _leaves(node: Any, prefix: str = "") -> list[tuple[str, Any]]:
    return [
        leaf
        for name, inner in node["properties"].items()
        for leaf in (
            _leaves(inner, f"{prefix}{name}.") if "properties" in inner else [(f"{prefix}{name}", inner)]
        )
    ]


def _uncommented(text: str) -> str:
    """The file with its commented examples in force, in place of the empty values before them."""
    in_force = re.sub(r"(?m)^( +)# ( *(- )?[\w:-]+:( .*)?)$", r"\1\2", text)
    return re.sub(r"(?m)^ +\w+: (\{\}|\[\]).*$", "", in_force)
