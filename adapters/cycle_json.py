"""A cycle's report as one line of JSON, and back."""

from __future__ import annotations

import functools
import json
import zlib
from typing import TYPE_CHECKING

import attrs

from domain.outcome import Collected, CycleReport, Outcome
from domain.reading import storable

if TYPE_CHECKING:
    from cattrs import Converter

_HEAD, _BEFORE, _TAIL = b'{"crc32":"', b'","report":', b"}\n"
_BODY_BEGINS = len(_HEAD) + 8 + len(_BEFORE)


def as_line(report: CycleReport) -> bytes:
    """The report on one line, its end included, with a checksum before it.

    Its readings are as a store would keep them: JSON has no word for infinities and NaN.
    """
    finite = attrs.evolve(report, outcomes=tuple(map(_finite, report.outcomes)))
    plain = _converter().unstructure(finite)
    return _line(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode())


def report_of(line: bytes) -> CycleReport:
    """The report of a line. Raises `ValueError` for anything that `as_line` has not made."""
    body = line[_BODY_BEGINS : -len(_TAIL)]
    if line != _line(body):
        raise ValueError("it is damaged: its checksum is not that of its content")
    try:
        return _converter().structure(json.loads(body), CycleReport)
    except Exception as error:  # what cattrs raises is of many kinds
        raise ValueError(f"another version must have written it: {type(error).__name__}") from error


def _line(body: bytes) -> bytes:
    return b"%s%08x%s%s%s" % (_HEAD, zlib.crc32(body), _BEFORE, body, _TAIL)


def _finite(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Collected):
        return outcome
    return attrs.evolve(outcome, readings=tuple(map(storable, outcome.readings)))


@functools.cache
def _converter() -> Converter:
    # Imported when it is needed: most runs never spool, and it takes longer to import than a cycle lasts.
    from cattrs.preconf.json import make_converter
    from cattrs.strategies import configure_tagged_union

    converter = make_converter()
    configure_tagged_union(
        Outcome, converter, tag_name="outcome", tag_generator=lambda kind: str(kind.__name__).lower()
    )
    return converter
