"""Draws demo.svg from a run of the demo: `python docs/pictures/make.py` in the activated .venv."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

_HERE = Path(__file__).parent
_COLUMNS = 104


def main() -> None:
    """Run the demo in an empty folder and draw what it says."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 - the demo itself
            [sys.executable, "-m", "entrypoints", "demo", "--home", f"{folder}/demo"],
            cwd=_HERE.parents[1],
            env={"COLUMNS": str(_COLUMNS), "PATH": "/usr/bin:/bin", "HOME": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        said = done.stdout.replace(f"{folder}/demo", "var/demo")
    with Console(record=True, width=_COLUMNS, file=sys.stderr) as console:
        console.print("[bold green]$[/] ./run demo", highlight=False)
        console.print(Text.from_ansi(said.rstrip()))
    drawn = console.export_svg(title="homeclimate")
    # the fonts would be fetched from elsewhere whenever somebody looks
    (_HERE / "demo.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))


if __name__ == "__main__":
    main()
