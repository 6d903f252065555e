"""What a reply of Amazon's says went wrong, wherever in the body it says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adapters.json_reply import Json, at, objects, shown, text
from domain.values import frozen

# Codes stand as a string, or in an object, at the top or one level down, under these names.
_CODES = ("code", "errorCode", "errorType", "classification", "type", "__type")
_MESSAGES = ("message", "Message", "error_description", "errorMessage")
_THROTTLING = re.compile(r"too many requests|rate exceeded|throttl", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{1,30}([_. ][A-Za-z]{1,30}){0,5}")
_LONGEST_WORDS = 200
# What is read of each, and how many: the event loop waits meanwhile.
_LONGEST, _MOST_ERRORS = 1_000, 100
_NOT_A_LETTER = re.compile(r"[^a-z]")


@frozen(kw_only=True)
class Said:
    """The codes and messages of a body's errors, in the order in which they stand there."""

    codes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def is_throttling(self) -> bool:
        """Whether any of them asks for fewer requests."""
        return any(_THROTTLING.search(words) for words in (*self.codes, *self.messages))

    @property
    def plain_codes(self) -> frozenset[str]:
        """The codes as lower-case letters alone: `InvalidToken` and `invalid_token` are the same."""
        return frozenset(_NOT_A_LETTER.sub("", code.lower()) for code in self.codes)

    @property
    def words(self) -> str:
        """All of it, redacted, for an error message."""
        messages = (shown(message) for message in self.messages)
        return "; ".join(dict.fromkeys((*map(shown_code, self.codes), *messages)))[:_LONGEST_WORDS]


def said_by(content: Json) -> Said:
    """What a body's errors say; nothing when it has none."""
    codes: list[str] = []
    messages: list[str] = []
    for error in _errors_of(content):
        codes += [code[:_LONGEST] for name in _CODES if (code := text(error, name))]
        messages += [message[:_LONGEST] for name in _MESSAGES if (message := text(error, name))]
    messages += [each[:_LONGEST] for each in _listed(content) if isinstance(each, str)]
    plain = text(content, "error")  # OAuth's form: the code itself
    return Said(codes=(*([plain[:_LONGEST]] if plain else []), *codes), messages=tuple(messages))


def shown_code(code: str) -> str:
    """An error code as a message may show it: whole where it is words, however long, and no key."""
    return code if _WORDS.fullmatch(code) else shown(code, 40)


def asks_for_less(body: bytes) -> bool:
    """Whether a body that is no JSON asks for fewer requests."""
    return bool(_THROTTLING.search(body[:2000].decode("utf-8", "replace")))


def _errors_of(content: Json) -> Iterator[Json]:
    yield content
    yield at(content, "error")
    yield at(content, "response", "error")
    for error in objects(_listed(content)):
        yield error
        yield error.get("extensions")


def _listed(content: Json) -> list[Json]:
    listed = at(content, "errors")
    return listed[:_MOST_ERRORS] if isinstance(listed, list) else []
