"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder with config/, data/ and logs/.  [env: HOMECLIMATE_HOME]",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON object, for scripts.")
