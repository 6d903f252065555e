"""Ways to damage a database file that has no log."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

PAGE = 4096


def _without_header(content: bytes) -> bytes:
    return bytes(100) + content[100:]


def _text(content: bytes) -> bytes:
    return b"temperature,location\n" * 400


def _empty(content: bytes) -> bytes:
    return b""


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2 // PAGE * PAGE]


def _one_page(content: bytes) -> bytes:
    return content[:PAGE]


def _torn_in_a_page(content: bytes) -> bytes:
    return content[: -PAGE * 3 - 1234]


def _without_schema(content: bytes) -> bytes:
    return content[:100] + b"\x5a" * (PAGE - 100) + content[PAGE:]


def _zeros_inside(content: bytes) -> bytes:
    return content[: 2 * PAGE] + bytes(len(content) - 3 * PAGE) + content[-PAGE:]


def _noise_inside(content: bytes) -> bytes:
    noise = random.Random(1).randbytes(len(content) - 3 * PAGE)  # noqa: S311 - no secret
    return content[: 2 * PAGE] + noise + content[-PAGE:]


def _noise(content: bytes) -> bytes:
    return random.Random(2).randbytes(len(content))  # noqa: S311 - no secret


def _pages_swapped(content: bytes) -> bytes:
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    return b"".join([pages[0], *reversed(pages[1:])])


def _one_page_everywhere(content: bytes) -> bytes:
    return content[:PAGE] + content[PAGE : 2 * PAGE] * (len(content) // PAGE - 1)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "without its header": _without_header,
    "a text": _text,
    "empty": _empty,
    "cut to half": _half,
    "cut to one page": _one_page,
    "cut inside a page": _torn_in_a_page,
    "without its schema": _without_schema,
    "zeros inside": _zeros_inside,
    "noise inside": _noise_inside,
    "noise": _noise,
    "its pages in another order": _pages_swapped,
    "one page again and again": _one_page_everywhere,
}


def damage(path: Path, how: str) -> bytes:
    """Damage the file after a checkpoint; return its new content."""
    if path.with_name(f"{path.name}-wal").exists():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    damaged = DAMAGES[how](path.read_bytes())
    with path.open("r+b") as file:  # the same file, for those that have it open
        file.write(damaged)
        file.truncate()
    return damaged
