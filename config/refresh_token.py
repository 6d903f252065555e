"""The refresh token of the Alexa app as people paste it: what is meant, or what is wrong with it."""

from __future__ import annotations

import re
from urllib.parse import unquote

import attrs

PREFIX = "Atnr|"
_MOST_CHARACTERS = 8_192  # what servers take in one header
_LEAST_OF_A_LINE = 20  # characters of a piece that was wrapped; shorter ones are words
_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_COOKIES = re.compile(
    r"(?:^|[;\s])(?:session-(?:id|token)|csrf|(?:ubid|x|at|sess-at)-(?:main|acb\w\w))\s*[=:]", re.IGNORECASE
)
_NAMED = re.compile(r"[\w.\-]{1,40}\s*[:=]\s*[\"']?At\w\w\|", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[^!-~]|[\"'`{}<>;,|\\]")


@attrs.frozen(kw_only=True)
class RefreshToken:
    """A refresh token. `value` is what is sent: empty if it cannot be one, for the reason in `problem`.

    `repairs` names what was removed from what was written.
    """

    value: str = attrs.field(default="", repr=False)
    written: str = attrs.field(default="", repr=False)
    problem: str = ""
    repairs: tuple[str, ...] = ()


def refresh_token(written: object) -> RefreshToken:
    """Return the token that a person means, or what is wrong with it. No message quotes it."""
    if not isinstance(written, str):
        return RefreshToken(written=str(written), problem=_not_a_text(written))
    repairs: list[str] = []
    text = _INVISIBLE.sub("", written).strip()
    if text != written.strip():
        repairs.append("invisible characters")
    bare = text.strip(_QUOTES + ", \t\r\n")
    if bare != text:
        repairs.append("quotes around it")
    if bare.startswith("Atnr%7"):
        bare = unquote(bare)
        repairs.append("percent-encoding")
    pieces = bare.split()
    problem = _problem(bare, pieces)
    if problem:
        return RefreshToken(written=written, problem=problem)
    if len(pieces) > 1:
        repairs.append("line breaks in it")
    return RefreshToken(value="".join(pieces), written=written, repairs=tuple(repairs))


def _problem(text: str, pieces: list[str]) -> str:
    """Return what is wrong with a text, and what to do; empty if nothing is."""
    rest = "".join(pieces)[len(PREFIX) :]
    is_wrapped = "\n" in text or all(len(piece) >= _LEAST_OF_A_LINE for piece in pieces[:-1])
    problems = (
        (not text, f"There is no refresh token. It is one line, and begins with {PREFIX}"),
        (
            text.startswith(("{", "[")),
            f"This is JSON. Give only its refresh_token, which begins with {PREFIX}",
        ),
        (
            _COOKIES.search(text) is not None,
            "These are cookies, not a refresh token. They belong under amazon_aqm: cookies in secrets.yaml",
        ),
        (
            _NAMED.match(text) is not None,
            f"This has a name before the token. Give only the token, from {PREFIX} on",
        ),
        (
            text.startswith(("Atna|", "Atza|")),
            f"This is an access token, which lasts an hour. The refresh token begins with {PREFIX}",
        ),
        (
            not text.startswith(PREFIX),
            f"This is not a whole refresh token, which begins with {PREFIX}. Copy all of it",
        ),
        (not rest or "..." in text or "\u2026" in text, "This token is cut off. Copy all of it"),
        (not is_wrapped, "There are blanks in this token. Give only the token, on one line"),
        (_FORBIDDEN.search(rest) is not None, "This token has characters that no token has. Copy it again"),
        (len(rest) > _MOST_CHARACTERS, "This is too long for a refresh token. Give only the token"),
    )
    return next((message for is_so, message in problems if is_so), "")


def _not_a_text(written: object) -> str:
    if isinstance(written, dict):
        return f"This is JSON or a section. Give only the refresh_token in it, which begins with {PREFIX}"
    return f"This is not a text. The refresh token begins with {PREFIX}"
