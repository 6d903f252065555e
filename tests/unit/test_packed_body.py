"""The size limit of replies."""

from __future__ import annotations

import pytest

from adapters.http.replies import MAX_BODY_BYTES, check_body_size, parse_content_length
from domain.errors import SourceGarbled


@pytest.mark.parametrize(
    ("written", "announced"),
    [
        (None, 0),
        ("", 0),
        ("17", 17),
        (" 17 ", 17),
        ("-1", 0),
        ("1e9", 0),
        ("٣", 0),
        ("9" * 19, 10**19 - 1),
        ("9" * 5000, 0),
    ],
)
def test_content_length_is_a_number_or_ignored(written: str | None, announced: int) -> None:
    assert parse_content_length(written) == announced


def test_body_above_the_limit_is_rejected() -> None:
    check_body_size(MAX_BODY_BYTES)
    with pytest.raises(SourceGarbled, match="larger than 4,000,000 bytes"):
        check_body_size(MAX_BODY_BYTES + 1)
