"""The secrets of a home as they are now, for a process that runs for years."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from config.files import file_version
from config.loading import Loaded, inspect
from config.secrets import Secrets


class CurrentSecrets:
    """Reads secrets.yaml again after it has changed. A file that cannot be read leaves what was known.

    `on_change` is called with the new secrets before anybody else sees them. `known` is the home as it was
    when the file was looked at last.
    """

    def __init__(self, loaded: Loaded, on_change: Callable[[Secrets], None]) -> None:
        self.known = loaded
        self._on_change = on_change
        self._version = file_version(loaded.secrets_path)

    def loaded(self) -> Loaded:
        """Return the home with its present secrets."""
        version = file_version(self.known.secrets_path)
        if version != self._version:
            self._version = version
            secrets = inspect(self.known.home, needs_secrets=False).secrets
            if secrets is not None and version is not None:
                self._on_change(secrets)
                self.known = attrs.evolve(self.known, secrets=secrets)
        return self.known
