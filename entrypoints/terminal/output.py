"""Print messages for a person, with commands as they would be typed here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import click

from entrypoints.process import program_name

# Messages name commands as they are called when installed.
_COMMAND = re.compile(
    r"\bhomeclimate (?=(?:--version|backup|baseline|collect|db|demo|health|restore|setup|simulator|status)\b)"
)


def print_message(text: str, *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr with `err`."""
    click.echo(as_typed_here(text), err=err)


def as_typed_here(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace `homeclimate` in front of a command by what started this program, such as `./run`."""
    return _COMMAND.sub(lambda _: f"{program_name(environment)} ", text)
