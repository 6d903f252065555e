"""Which folder is the home: where its config/, data/ and logs/ stand."""

from __future__ import annotations

import gc
import linecache
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def find_home(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The home: as given, as HOMECLIMATE_HOME says, where we stand, the checkout, or the user's data folder.

    Where we stand counts when config/config.yaml is there. `./run` says where the checkout is.
    """
    if given is not None:
        return given.absolute()
    if named := environment.get("HOMECLIMATE_HOME"):
        return Path(named).absolute()
    if Path("config/config.yaml").is_file():
        return Path.cwd()
    if checkout := environment.get("HOMECLIMATE_CHECKOUT"):
        return Path(checkout)
    import platformdirs

    return platformdirs.user_data_path("homeclimate")


# How this program was started, so that a person can be told what to type.


def program_name(environment: Mapping[str, str]) -> str:
    """`homeclimate`, or the checkout's `run` the way it is reached from here."""
    checkout = environment.get("HOMECLIMATE_CHECKOUT")
    if checkout is None:
        return "homeclimate"
    return "./run" if Path.cwd() == Path(checkout) else shlex.quote(f"{checkout}/run")


# What makes a start cheap, and what comes after it.


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
