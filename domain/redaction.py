"""Redaction: remove secrets from text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

MARK = "***"  # shorter than any secret that is searched for
# Shorter strings occur in harmless text by chance, such as times and counts. Redacting them there would make
# the text useless and reveal the secret.
SHORTEST_SECRET = 6

_BARE = r"""[^\s"'\\,;&<>]+"""
_VALUE = rf"""(?:(?<=["'])[^"'\\\n]+|{_BARE})"""  # to the closing quote, where one was opened
_ASSIGNED = r"""\\?["']?\s*[:=]\s*\\?["']?"""  # between a name and its value in headers, JSON, YAML and reprs
_NAMES = (
    # of Hue bridges
    "hue-application-key",
    "username",
    "clientkey",
    # of Amazon
    "csrf",
    "(?:sess-)?(?:at|x|ubid|sso)-(?:main|acb[a-z]{2})",
    "session-(?:token|id(?:-time)?)",
    "source_token",
    "device_code",
    # of any service
    r"[\w-]{0,30}(?:password|passwd|secret|api[_-]?key|(?:access|refresh|id)_token)",
)
# What precedes a secret (kept, in a group), and the secret (replaced).
_SHAPES = (
    rf"(\b(?:{'|'.join(_NAMES)}){_ASSIGNED}){_VALUE}",
    r"(/api/)[A-Za-z0-9-]{20,}",  # other paths, such as /api/config, are shorter than any key
    rf"(\bAt(?:n[ar]|z[ar])(?:\||%7C)){_BARE}",
    r"(\bBearer\s+)[A-Za-z0-9._~+/|%-]+=*",
    r"(://[^\s/:@]*:)[^\s/@]+(?=@)",
)
# Text with one of the shapes contains one of these, in lower case. Most lines contain none, and a search for
# the shapes takes thirty times as long.
_HINTS = (
    "-key",
    "username",
    "clientkey",
    "csrf",
    "-main",
    "-acb",
    "session-",
    "token",
    "device_code",
    "passw",
    "secret",
    "api",
    "atn",
    "atz",
    "bearer",
    "://",
)


class Redactor:
    """Redacts the given secrets in every form, and all text in the shape of a secret.

    The given ones are found in plain text, as JSON text, percent-encoded and in base64, also inside a longer
    base64 text unless that is wrapped into lines. Secrets shorter than `SHORTEST_SECRET` are ignored.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self._shapes = re.compile("|".join(_SHAPES), re.IGNORECASE)
        self.learn(secrets)

    def learn(self, secrets: Collection[str]) -> None:
        """Redact these too from now on."""
        self._secrets.update(secrets)
        forms = {
            form for secret in self._secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)
        }
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        # Two passes: a shape may end inside a known secret, and leave the rest of it.
        self._known = re.compile("|".join(map(_pattern, longest_first))) if forms else None

    def redact(self, text: str) -> str:
        """Return the text with `MARK` in place of each secret."""
        if self._known is not None:
            text = self._known.sub(MARK, text)
        if text.isascii():  # some letters beyond ASCII match a hint when case is ignored
            lowered = text.lower()
            for hint in _HINTS:
                if hint in lowered:
                    break
            else:
                return text
        return self._shapes.sub(_without_secret, text)


def _without_secret(match: re.Match[str]) -> str:
    return match[match.lastindex or 0] + MARK


def _pattern(form: str) -> str:
    return re.sub("%[0-9A-F]{2}", r"(?i:\g<0>)", re.escape(form))  # %2F and %2f are the same


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for ensure_ascii in (True, False):
        in_json = json.dumps(secret, ensure_ascii=ensure_ascii)[1:-1]
        yield in_json
        yield json.dumps(in_json, ensure_ascii=ensure_ascii)[1:-1]  # a JSON body as a value of a log record
    text = secret.encode(errors="surrogatepass")
    yield from (quote(text, safe=""), quote(text), quote_plus(text))
    yield from _base64_forms(text)


def _base64_forms(secret: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")
        for bytes_before in range(3):
            encoded = encode(bytes(bytes_before) + secret).decode()
            # Only characters that contain no bits of the surrounding text are always the same.
            yield encoded[-(-bytes_before * 8 // 6) : (bytes_before + len(secret)) * 8 // 6]
