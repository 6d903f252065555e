"""Parts that the commands share: what help lists, and how a wrong value is rejected."""

from __future__ import annotations

import click
from click.testing import CliRunner

from entrypoints.commands.options import CommandGroup, Number

SENTENCE = (
    "Begin again with an empty database; the present one and all backups are kept, and nothing is lost."
)


@click.group(cls=CommandGroup)
def group() -> None:
    """Do one of two things."""


@group.command("new", help=SENTENCE)
@click.argument("number", type=Number())
def new(number: float) -> None:
    assert number


def test_group_lists_its_commands_with_whole_sentences() -> None:
    assert SENTENCE in " ".join(CliRunner().invoke(group, ["--help"]).output.split())


def test_text_is_not_a_number() -> None:
    assert "'abc' is not a valid number" in CliRunner().invoke(group, ["new", "abc"]).output
