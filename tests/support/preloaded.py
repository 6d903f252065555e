"""The program, imported once and then forked for each order: such a process of its own starts at once.

python -m tests.support.preloaded DESCRIPTOR

DESCRIPTOR is that of a socket on which `tests.support.forked` sends what is to be run.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
from typing import Any, NoReturn

import adapters
import config
import domain.services
import entrypoints
from entrypoints.cli import main
from tests.support.collect_simulated import simulated_environment


def import_all() -> None:
    """Whatever a command imports when it runs, and the third-party packages with it."""
    for package in (adapters, config, domain.services, entrypoints):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def serve(orders: socket.socket) -> None:
    gc.freeze()
    keepers: set[int] = set()
    while descriptors := socket.recv_fds(orders, 1, 5)[1]:
        keeper = os.fork()
        if keeper == 0:
            orders.close()
            _keep(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        keepers = {each for each in {*keepers, keeper} if os.waitpid(each, os.WNOHANG)[0] == 0}


def _keep(order: int, answer: int, *streams: int) -> NoReturn:
    """Start what is ordered, answer its number, and at its end its exit code."""
    with os.fdopen(order) as file:
        wanted = json.load(file)
    pid = os.fork()
    if pid == 0:
        os.close(answer)
        _run(wanted, streams)
    for descriptor in (0, 1, 2, *streams):
        os.close(descriptor)  # or its reader would wait for the keeper's end
    os.write(answer, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(answer, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(wanted: dict[str, Any], streams: tuple[int, ...]) -> NoReturn:
    """Be the program: with its streams, environment, folder and arguments, to its end and exit."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # as Python makes them for these descriptors: those of this process may be of files, in which it can seek
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    sys.argv[1:] = wanted["arguments"]
    ca_file = wanted["ca_file"]
    sys.exit(
        main(wanted["arguments"], environment=simulated_environment(ca_file))
        if ca_file
        else main(wanted["arguments"])
    )


if __name__ == "__main__":
    import_all()
    serve(socket.socket(fileno=int(sys.argv[1])))
