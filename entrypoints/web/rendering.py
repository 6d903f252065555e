"""The page as HTML, and the files that it is made of."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from entrypoints.web.page_data import RANGES

STATIC = Path(__file__).with_name("static")
STYLES = ("uPlot.min.css", "page.css")
SCRIPTS = ("uPlot.iife.min.js", "page.js")
TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}
_BANNER = b"/*!"  # of uPlot, with its address on the web; its licence is in a file beside it


@cache
def assets() -> Mapping[str, bytes]:
    """Return the files that pages load, by name, without comments that name an outside address."""
    files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix[1:] in TYPES}
    return {
        name: content.partition(b"*/")[2].lstrip() if content.startswith(_BANNER) else content
        for name, content in files.items()
    }


def render(content: Mapping[str, Any], *, inline: bool = False) -> str:
    """Return the page with its content; with `inline` it is one file that needs no server."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    texts = {name: text.decode() for name, text in assets().items() if not name.endswith(".png")}
    return templates.get_template("page.html").render(
        content=content, ranges=[*RANGES, "all"], inline=inline, assets=texts, policy=inline_policy(texts)
    )


def inline_policy(texts: Mapping[str, str]) -> str:
    """Return a Content-Security-Policy that allows these styles and scripts in the page, and no request."""

    def hashes(*names: str) -> str:
        digests = [hashlib.sha256(texts[name].encode()).digest() for name in names]
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; style-src {hashes(*STYLES)}; script-src {hashes(*SCRIPTS)}; "
        "base-uri 'none'; form-action 'none'"
    )
