"""Values of a parameter that only the proofs take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def in_proofs(values: Iterable[Any]) -> list[Any]:
    """Return the values for `parametrize`, left out of the ordinary suite."""
    return [pytest.param(value, marks=pytest.mark.proof) for value in values]
