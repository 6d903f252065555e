"""The form of a waiting cycle on disk: one line of JSON with a checksum."""

from __future__ import annotations

import functools
import json
import zlib

import attrs
from cattrs import Converter
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from domain.cycle import Collected, CycleReport, Outcome
from domain.reading import fit_to_table

_PREFIX, _SEPARATOR, _SUFFIX = b'{"crc32":"', b'","report":', b"}\n"
_BODY_OFFSET = len(_PREFIX) + 8 + len(_SEPARATOR)
HEAD_BYTES = 40  # the beginning of a line, with its checksum: enough to tell it from another line


def encode(report: CycleReport) -> bytes:
    """Return the report as one line with a checksum.

    Readings are encoded as a store would keep them, since JSON has no infinities and no NaN.
    Measurements are left out: a cycle that could not be stored is no measure for others.
    """
    finite = attrs.evolve(report, outcomes=tuple(map(_storable, report.outcomes)), measurements=())
    plain = _converter().unstructure(finite)
    return _with_checksum(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode())


def decode(line: bytes) -> CycleReport:
    """Return the report of a line. Raise `ValueError` for anything that `encode` did not make."""
    body = line[_BODY_OFFSET : -len(_SUFFIX)]
    if line != _with_checksum(body):
        raise ValueError("it is damaged: its checksum does not match")
    try:
        # in lines of earlier programs measurements have another form
        return _converter().structure({**json.loads(body), "measurements": []}, CycleReport)
    except Exception as error:  # cattrs raises many kinds
        raise ValueError(f"another version must have written it: {type(error).__name__}") from error


def _with_checksum(body: bytes) -> bytes:
    return b"%s%08x%s%s%s" % (_PREFIX, zlib.crc32(body), _SEPARATOR, body, _SUFFIX)


def _storable(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Collected):
        return outcome
    return attrs.evolve(outcome, readings=tuple(map(fit_to_table, outcome.readings)))


@functools.cache
def _converter() -> Converter:
    converter = make_converter()
    configure_tagged_union(
        Outcome, converter, tag_name="outcome", tag_generator=lambda kind: str(kind.__name__).lower()
    )
    return converter
