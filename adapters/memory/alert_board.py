"""An alert board that is looked at by tests."""

from __future__ import annotations


class MemoryAlertBoard:
    """`text` is what stands there now, None for nothing."""

    def __init__(self) -> None:
        self.text: str | None = None

    def put(self, text: str) -> None:
        self.text = text

    def clear(self) -> None:
        self.text = None
