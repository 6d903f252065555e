"""Contents of the page for many readers: each is made once, sent while it is made, and kept for seconds."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import attrs

from domain.history.series import Span
from entrypoints.web.page_data import PageData

_AT_ONCE = 2  # more would only slow each other down
_MOST_KEPT = 8  # some 2 MB each
_FRESH_S = 10.0  # incidents and settings of devices change without a new reading
_GZIP = 31  # zlib's word for a window of 32 kB with a header of gzip

Key = tuple[str, ...]


@attrs.define(eq=False, slots=False)
class Content:
    """One content as JSON, in parts that appear one by one: `plain` and `packed` (gzip) hold the same.

    The first line of the JSON is all but the charts and gaps: with a brace behind it, it is an object itself.
    """

    newest_id: int
    began_s: float
    plain: list[bytes] = attrs.field(factory=list)
    packed: list[bytes] = attrs.field(factory=list)
    error: Exception | None = None
    is_done: bool = False
    readers: int = 0
    _changed: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def first(self) -> dict[str, Any]:
        """Return the first line as an object. Raise `StoreError`."""
        async for part in self.parts(self.plain):
            return dict(json.loads(part + b"}"))
        return {}

    async def parts(self, chosen: list[bytes]) -> AsyncIterator[bytes]:
        """Yield the parts of `plain` or `packed`, waiting for each. Raise `StoreError`."""
        sent = 0
        self.readers += 1
        try:
            while True:
                while sent < len(chosen):
                    yield chosen[sent]
                    sent += 1
                if self.error is not None:
                    raise self.error
                if self.is_done:
                    return
                await self._changed.wait()
        finally:
            self.readers -= 1

    def add(self, plain: bytes, packed: bytes, *, is_last: bool = False) -> None:
        """Add a part."""
        self.plain.append(plain)
        self.packed.append(packed)
        self.is_done = is_last
        self._wake()

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        self.error = error
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Contents:
    """Makes contents in threads, two at a time, and keeps the last ones until a reading is stored."""

    def __init__(self, data: PageData) -> None:
        self._data = data
        self._workers = ThreadPoolExecutor(_AT_ONCE, "page")
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._making: set[asyncio.Task[None]] = set()
        self._kept: dict[Key, Content] = {}
        self._is_closing = False

    async def get(self, key: Key, span: Callable[[], Span]) -> Content:
        """Return the content of that key, which may still be in the making. Raise `StoreError`.

        `span` is called in a thread, and names what the key stands for now.
        """
        newest_id = await asyncio.to_thread(self._data.history.newest_id)
        now_s = self._data.clock.elapsed_s()
        kept = self._kept.pop(key, None)
        is_fresh = (
            kept is not None
            and kept.error is None
            and (kept.newest_id, now_s - kept.began_s < _FRESH_S) == (newest_id, True)
        )
        content = kept if is_fresh and kept is not None else Content(newest_id=newest_id, began_s=now_s)
        self._kept[key] = content
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        if content is not kept:
            task = asyncio.create_task(self._make_in_turn(content, key, span))
            self._making.add(task)
            task.add_done_callback(self._making.discard)
        return content

    def close(self) -> None:
        """Make no more."""
        self._is_closing = True
        for task in self._making:
            task.cancel()
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _make_in_turn(self, content: Content, key: Key, span: Callable[[], Span]) -> None:
        """Make the content, unless all of its readers went away while it waited."""
        async with self._turns:
            if not content.readers:
                if self._kept.get(key) is content:
                    del self._kept[key]
                return
            loop = asyncio.get_running_loop()
            make = partial(self._make, content, key[0], span, loop.call_soon_threadsafe)
            await loop.run_in_executor(self._workers, make)

    def _make(
        self, content: Content, name: str, span: Callable[[], Span], later: Callable[..., object]
    ) -> None:
        packer = zlib.compressobj(wbits=_GZIP)
        try:
            for line in _lines({"range": name}, self._data.parts(span())):
                if self._is_closing:
                    return
                later(content.add, line, packer.compress(line) + packer.flush(zlib.Z_SYNC_FLUSH))
        except Exception as error:  # noqa: BLE001 - whoever waits in the other thread raises it
            later(content.fail, error)
        else:
            later(lambda: content.add(b"\n", packer.compress(b"\n") + packer.flush(), is_last=True))


def _lines(begin: dict[str, Any], parts: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Yield one JSON object in lines: the first part, each chart, and the rest."""
    yield _json(begin | next(parts)).removesuffix("}").encode()
    between, end = ',"charts":[', ',"charts":[],'
    for part in parts:
        for chart in part.get("charts", ()):
            yield f"\n{between}{_json(chart)}".encode()
            between, end = ",", "],"
        if "charts" not in part:
            yield f"\n{end}{_json(part)[1:]}".encode()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
