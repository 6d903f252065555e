"""Tells from what a bridge was asked in a read which way that was."""

from __future__ import annotations

from collections.abc import Collection

_TOLD_BY = {  # the first that was asked: v2 asks v1 for names each hour, and any read may come to the whole
    "hue.v1/whole_bridge": "whole_bridge",
    "hue.v2/temperature": "v2",
    "hue.v1/sensors": "v1",
}


def shown_strategy(operations: Collection[str]) -> str | None:
    """The strategy that answered; None where it cannot be told.

    A bridge that refused v2 and was read by v1 in the same read, as in the first of a process, shows as v2.
    """
    return next((strategy for operation, strategy in _TOLD_BY.items() if operation in operations), None)
