"""What was measured while collecting, read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.baseline import Measurement


class Measurements(Protocol):
    """Reads what a `Store` keeps of them; never changes it. Blocks."""

    def between(self, since: datetime, until: datetime) -> Sequence[Measurement]:
        """Those that began from `since` on and before `until`, in the order of time. Raises `StoreError`."""
        ...
