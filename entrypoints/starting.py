"""What makes a start cheap, and what comes after it."""

from __future__ import annotations

import gc
import linecache
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unswept() -> Iterator[None]:
    """Without the garbage collector: nearly all that a start makes stays, and is looked through in vain.

    It is set apart at the end, or the first sweep afterwards would make up for all that were left out.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


def settle() -> None:
    """Sweep up after the start, and set apart what stays: from now on sweeps are short, and come often.

    Else what cycles leave behind is swept up only once it has come to a quarter of all that. The source of
    what attrs has compiled, which it keeps for debuggers, goes.
    """
    linecache.clearcache()
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.collect()  # from this one on the collector counts anew
