"""The wait that a server names in its Retry-After header."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_WAIT_S = 86_400.0  # whoever names a longer one does not mean it
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The named wait, in seconds or as a date (RFC 9110, 10.2.3); a day at most. None for anything else."""
    written = (value or "").strip()
    if _SECONDS.fullmatch(written):
        return min(float(written), _LONGEST_WAIT_S)
    try:
        date = parsedate_to_datetime(written)
        wait_s = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(math.ceil(wait_s), 0.0), _LONGEST_WAIT_S)
