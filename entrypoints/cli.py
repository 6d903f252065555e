"""The `homeclimate` command: hands over to what is asked for, and imports nothing for the others."""

from __future__ import annotations

import sys

from entrypoints.version import __version__

TYPE_CHECKING = False  # typing's own costs a third of the shortest start
if TYPE_CHECKING:
    from entrypoints.world import World


def main(arguments: list[str] | None = None, *, world: World | None = None) -> int:
    """Run the command line; the exit code. Nothing that a person can cause ends in a traceback.

    `world` stands in for the real one: tests give the certificates of a simulated home.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--version"] and _is_told(f"homeclimate, version {__version__}\n"):
        return 0
    from entrypoints.starting import unswept

    if given[:1] == ["health"]:
        with unswept():
            from entrypoints import health  # a program of its own, which is gone by its deadline

        health.main(given[1:], world=world)
    with unswept():
        from entrypoints import commands

    return commands.run(given, world)


def _is_told(line: str) -> bool:
    """False where stdout takes nothing: what comes then meets the same, and says so in words."""
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except OSError:
        return False
    return True
