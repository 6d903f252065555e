"""What people type on this system, and where to look when a service cannot be reached."""

from __future__ import annotations

from domain.health_rules import Commands


def commands(program: str) -> Commands:
    """Return the commands of a usual Linux system; `program` starts this program."""
    return Commands(
        program=program,
        start_collector="systemctl start homeclimate",
        show_disk="df -h",
        sync_clock="timedatectl set-ntp true",
    )


def unavailable_step(source: str, program: str) -> str:
    """Return what to do when the source of that name cannot be reached."""
    if source.startswith("hue"):
        return (
            "Check that the bridge is switched on and in this network. "
            f"`{program} setup` finds a bridge that has moved."
        )
    return "Check the internet connection. Nothing has to be changed here if it recovers."
