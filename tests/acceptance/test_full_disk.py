"""A real `collect` on a disk that is full, has no inodes, or can only be read: no reading is lost."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployments import Deployment
from tests.support.namespaces import in_mounts

_FULL = "dd if=/dev/zero of={disk}/ballast bs=4096 2>/dev/null || true"
_NOT_FULL = "rm {disk}/ballast"
_NO_INODES = "n=0; while touch {disk}/ballast-$n 2>/dev/null; do n=$((n+1)); done"
_NO_INODES += "; dd if=/dev/zero of={disk}/ballast-0 bs=4096 2>/dev/null || true"
_INODES = "rm {disk}/ballast-*"
_READ_ONLY = "mount -o remount,ro {disk}"
_WRITABLE = "mount -o remount,rw {disk}"


class Disk:
    """A home of which one folder is a small disk, and what `collect` says in a script about it."""

    def __init__(self, deployment: Deployment, name: str, *, inodes: int | None = None) -> None:
        self.deployment = deployment
        self.folder = deployment.folder if name == "home" else deployment.folder / name
        self.folder.mkdir(exist_ok=True)
        self.options = f"size=6m{'' if inodes is None else f',nr_inodes={inodes}'}"

    def run(self, *steps: str) -> list[dict[str, Any]]:
        """Run the script, and let the disk stand in the folder's place afterwards; return the cycles."""
        folder, kept = shlex.quote(str(self.folder)), shlex.quote(f"{self.folder}-kept")
        mounted = f"cp -a {folder} {kept}\nmount -t tmpfs -o {self.options} tmpfs {folder}"
        collect = shlex.join(self.deployment.command("collect"))
        script = "\n".join(
            (f'collect() {{ {collect} --json "$@"; }}', *(step.format(disk=folder) for step in steps))
        )
        done = subprocess.run(
            in_mounts(
                f"{mounted}\ncp -a {kept}/. {folder}\ncd {folder}",
                ["sh", "-euc", script],
                afterwards=f"cp -a {folder} {folder}-then",
            ),
            env={name: value for name, value in self.deployment.environment().items() if "COV" not in name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr
        self.folder.rename(f"{self.folder}-below")
        Path(f"{self.folder}-then").rename(self.folder)
        return [json.loads(line) for line in done.stdout.splitlines()]


def places(cycles: list[dict[str, Any]]) -> list[str]:
    return ["stored" if cycle["stored"] else cycle["place"] or "memory" for cycle in cycles]


def slots(cycles: list[dict[str, Any]]) -> list[str]:
    return [cycle["outcomes"][0]["slot"] for cycle in cycles]


def stored_slots(deployment: Deployment) -> list[str]:
    rows = deployment.rows("SELECT slot FROM outcomes WHERE state = 'stored' ORDER BY slot")
    return [slot for (slot,) in rows]


@pytest.mark.proof
@pytest.mark.timeout(300)  # it starts many programs, and fills the disk with a file for each inode
@pytest.mark.parametrize(
    ("disk", "begin", "end", "place", "is_new"),
    [
        ("data", _FULL, _NOT_FULL, "data/spool", False),
        ("data", _FULL, _NOT_FULL, "state/spool", True),
        ("data", _NO_INODES, _INODES, "data/spool", False),
        ("data", _NO_INODES, _INODES, "state/spool", True),
        ("data", _READ_ONLY, _WRITABLE, "state/spool", False),
        ("data", _READ_ONLY, _WRITABLE, "state/spool", True),
        ("home", _FULL, _NOT_FULL, "data/spool", False),
        ("home", _FULL, _NOT_FULL, "user", True),
        ("home", _READ_ONLY, _WRITABLE, "user", False),
        ("home", _READ_ONLY, _WRITABLE, "user", True),
    ],
)
def test_cycle_waits_where_there_is_room(
    deployment: Deployment, *, disk: str, begin: str, end: str, place: str, is_new: bool
) -> None:
    """`user` is the user's state folder; on a new disk the trouble is there before the first cycle."""
    small = Disk(deployment, disk, inodes=60 if begin is _NO_INODES else None)
    before = [] if is_new else ["collect --once", "sleep 1"]
    cycles = small.run(*before, begin, "collect --once", "sleep 1", "collect --once", end, "collect --once")
    folder = deployment.user_state if place == "user" else deployment.folder / place
    assert [Path(found).is_relative_to(folder) for found in places(cycles)[-3:-1]] == [True, True]
    assert places(cycles)[-1] == "stored"
    assert stored_slots(deployment) == sorted(set(slots(cycles)))
    assert len(set(slots(cycles))) == len(cycles)


@pytest.mark.proof
def test_ledger_says_which_readings_were_lost_with_the_memory(deployment: Deployment) -> None:
    """Nothing can be kept anywhere, and the collector is killed."""
    deployment.block_lasting_folders()
    text = deployment.config_file.read_text().replace("interval_seconds: 300", "interval_seconds: 1")
    deployment.config_file.write_text(text)
    cycles = Disk(deployment, "data").run(
        "collect --once",
        "rm {disk}/spool/reserve",
        _FULL,
        "touch /tmp/lines-$$",
        f"{shlex.join(deployment.command('collect', '--json'))} > /tmp/lines-$$ & pid=$!",
        "while [ $(wc -l < /tmp/lines-$$) -lt 3 ]; do sleep 0.1; done",
        "kill -9 $pid; wait $pid || true",
        "cat /tmp/lines-$$; rm /tmp/lines-$$",
        _NOT_FULL,
        "sleep 1",
        "collect --once",
    )
    assert places(cycles) == ["stored", *["memory"] * (len(cycles) - 2), "stored"]
    causes = dict(deployment.rows("SELECT slot, cause FROM outcomes WHERE state = 'missed'"))
    lost = slots(cycles)[1:-1]
    assert len(lost) >= 3
    assert {causes[slot] for slot in lost} == {"not_stored"}
