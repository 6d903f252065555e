"""The names in a home's `config/device_registry.yaml`, a file of the earlier program that people edit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from config.documents.problems import Report
from config.documents.yaml_document import parse
from config.files import file_version, is_missing, read_text
from domain.printable import printable

_LONGEST_NAME = 200


class RegistryNames:
    """Reads the names again when the file has changed; one that cannot be read leaves what was known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._names: Mapping[str, str] = {}

    def __call__(self) -> Mapping[str, str]:
        """Return the names by device id in lower case."""
        version = file_version(self._path)
        if version != self._version:
            self._version = version
            names = _read(self._path)
            self._names = self._names if names is None else names
        return self._names


def _read(path: Path) -> Mapping[str, str] | None:
    """Return `devices.<id>.name` of the file; None if it is not YAML."""
    if is_missing(path):
        return {}
    report = Report()
    text = read_text(path, report)
    document = None if text is None else parse(text, str(path), report)
    if document is None:
        return None
    content = document.content
    devices = content.get("devices") if isinstance(content, dict) else None
    names: dict[str, str] = {}
    for device_id, device in devices.items() if isinstance(devices, dict) else ():
        name = device.get("name") if isinstance(device, dict) else None
        if isinstance(name, str) and name.strip():
            names[device_id.lower()] = printable(name.strip())[:_LONGEST_NAME]
    return names
