"""The page as HTML, and the files that it is made of."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from entrypoints.web.page_data import RANGES

STATIC = Path(__file__).with_name("static")
TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}
_LABELS = {name: re.sub(r"(\d+)", r"\1 ", name) for name in (*RANGES, "all")}
_STYLES = ("uPlot.min.css", "page.css")
_MODULES = (
    "base.js",
    "chart_parts.js",
    "charts.js",
    "panels.js",
    "page.js",
)  # each imports only from those before it
_BETWEEN_MODULES = re.compile(r"^import [^;]*;\n|^export ", re.MULTILINE)
_BANNER = b"/*!"  # of uPlot, with its address on the web; its licence is in a file beside it


@cache
def assets() -> Mapping[str, bytes]:
    """Return the files that pages load, by name, without comments that name an outside address."""
    files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix[1:] in TYPES}
    return {
        name: content.partition(b"*/")[2].lstrip() if content.startswith(_BANNER) else content
        for name, content in files.items()
    }


@cache
def _template() -> Template:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return templates.get_template("page.html")


def render(content: Mapping[str, Any], *, inline: bool = False) -> str:
    """Return the page with its content; with `inline` it is one file that needs no server."""
    styles = [assets()[name].decode() for name in _STYLES]
    scripts = [assets()["uPlot.iife.min.js"].decode(), _one_script()]
    return _template().render(
        content=content,
        ranges=_LABELS,
        inline=inline,
        styles=styles,
        scripts=scripts,
        policy=inline_policy(styles, scripts),
    )


def inline_policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return a Content-Security-Policy that allows these styles and scripts in the page, and no request."""

    def hashes(texts: Sequence[str]) -> str:
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; style-src {hashes(styles)}; script-src {hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _one_script() -> str:
    """Return the modules as one: a file that is opened from the disk cannot import others."""
    return "\n".join(_BETWEEN_MODULES.sub("", assets()[name].decode()) for name in _MODULES)
