"""Draw the pictures of the demo: `python docs/pictures/make.py` in the activated .venv; needs chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import FloatRect, sync_playwright
from rich.console import Console
from rich.text import Text

_HERE = Path(__file__).parent
_COLUMNS = 104
_WIDTH, _MARGIN = 1320, 16


def main() -> None:
    """Run the demo in an empty folder, and draw what it prints and its page."""
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
        _draw_terminal(done.stdout.replace(folder, "var").replace("`homeclimate ", "`./run "))
        _draw_page(f"{folder}/demo")


def _draw_terminal(text: str) -> None:
    with Console(record=True, width=_COLUMNS, file=sys.stderr) as console:
        console.print("[bold green]$[/] ./run demo", highlight=False)
        console.print(Text.from_ansi(text.rstrip()))
    drawn = console.export_svg(title="homeclimate")
    # the fonts would be fetched from elsewhere whenever somebody looks
    (_HERE / "demo.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))


def _draw_page(home: str) -> None:
    command = [sys.executable, "-m", "entrypoints", "dashboard", "--home", home, "--port", "0"]
    with (
        subprocess.Popen(command, cwd=_HERE.parents[1], stdout=subprocess.PIPE, text=True) as served,  # noqa: S603
        sync_playwright() as playwright,
    ):
        assert served.stdout is not None  # noqa: S101 - for the type checker
        (address,) = re.findall(r"http://\S+", served.stdout.readline())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": _WIDTH, "height": 2 * _WIDTH}, color_scheme="light")
        page.goto(address)
        page.locator("#strips svg").first.wait_for()
        page.locator(".connection.live").wait_for()
        chart = page.locator("[data-quantity=voc_index].panel").bounding_box()
        assert chart is not None  # noqa: S101 - for the type checker
        height = chart["y"] + chart["height"] + _MARGIN
        clip = FloatRect(x=0, y=0, width=_WIDTH, height=height)
        page.screenshot(path=_HERE / "dashboard.png", clip=clip)
        browser.close()
        served.terminate()


if __name__ == "__main__":
    main()
