"""What was measured while collecting."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class Measurement:
    """What one operation cost.

    `wire_bytes` is the body as it crossed the network, `payload_bytes` what it unpacked to, both without
    headers. `succeeded` is False when the operation raised.
    """

    operation: str
    source: str
    began_at: datetime
    duration_s: float
    wire_bytes: int = 0
    payload_bytes: int = 0
    succeeded: bool = True
