"""Applies what is marked on a setting's type to one value: its form, its limits, what it counts as."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from config import scalars
from config.faults import Misfit, Place, Report
from config.markers import Between, CountsAs, Form, ZeroCountsAs
from config.yaml_nodes import Node


def formed(form: Form) -> Callable[[Node], str]:
    """What takes a text of that form, in its one spelling."""

    def take(node: Node) -> str:
        text = scalars.written_text_of(node) if form.as_written else scalars.text_of(node)
        try:
            return form.normalised(text)
        except ValueError:
            raise Misfit(node.place, f"must be {form.due}") from None

    return take


def limited(value: Any, markers: Iterable[object], place: Place, report: Report) -> Any:
    """The value that counts. Only numbers have limits; a value of any other type passes through."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    for marker in markers:
        match marker:
            case Between() if not marker.least <= value <= marker.most:
                raise Misfit(place, f"{_shown(value)} is out of range: {_range(marker)}")
            case ZeroCountsAs() if value == 0:
                report.warn(place, f"0 counts as {marker.value:,}: {marker.because}")
                return marker.value
            case CountsAs() if not marker.least <= value <= marker.most:
                counted = type(value)(min(max(value, marker.least), marker.most))
                report.warn(place, f"{_shown(value)} counts as {_shown(counted)}: {marker.because}")
                return counted
    return value


def _range(marker: Between) -> str:
    if marker.most == float("inf"):
        return f"at least {_shown(marker.least)}"
    return f"{_shown(marker.least)} to {_shown(marker.most)}"


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
