"""What people paste as a refresh token: repaired where that is safe, else named before it is sent."""

from __future__ import annotations

import pytest

from config.refresh_token import refresh_token

TOKEN = "Atnr|EwICIFx3-_made-up-0123456789abcdefghijklmnopqrstuvwxyz"
HALF = len(TOKEN) // 2


@pytest.mark.parametrize(
    ("written", "repairs"),
    [
        (TOKEN, ()),
        (f"  {TOKEN}\n", ()),
        (f'"{TOKEN}"', ("quotes around it",)),
        (f"'{TOKEN}',", ("quotes around it",)),
        (f"\u201c{TOKEN}\u201d", ("quotes around it",)),
        (f'"{TOKEN}', ("quotes around it",)),
        (f"\ufeff{TOKEN}", ("invisible characters",)),
        (f'\ufeff"{TOKEN}"\r\n', ("invisible characters", "quotes around it")),
        (f"{TOKEN[:HALF]}\n{TOKEN[HALF:]}", ("line breaks in it",)),
        (f"{TOKEN[:HALF]}\r\n  {TOKEN[HALF:]}\r\n", ("line breaks in it",)),
        (f"{TOKEN[:HALF]} {TOKEN[HALF:]}", ("line breaks in it",)),  # as YAML joins lines
        (f"Atnr|\n{TOKEN[5:]}", ("line breaks in it",)),
        (TOKEN.replace("|", "%7C"), ("percent-encoding",)),
    ],
)
def test_a_token_is_repaired_where_that_is_safe(written: str, repairs: tuple[str, ...]) -> None:
    token = refresh_token(written)
    assert (token.value, token.repairs, token.problem) == (TOKEN, repairs, "")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "There is no refresh token"),
        ('""', "There is no refresh token"),
        ("\ufeff", "There is no refresh token"),
        (TOKEN[5:], "not a whole refresh token, which begins with Atnr|"),
        (TOKEN.lower(), "not a whole refresh token"),
        ("two words", "not a whole refresh token"),
        ("Atnr", "not a whole refresh token"),
        ("Atna|EwICIFx3", "an access token, which lasts an hour"),
        ('"Atza|IwEBIFx3"', "an access token, which lasts an hour"),
        ("Atnr|", "cut off"),
        (f"{TOKEN[:20]}...", "cut off"),
        (f"{TOKEN[:20]}\u2026", "cut off"),
        (f"{TOKEN} # of the kitchen", "blanks in this token"),
        ("Atnr|abc def", "blanks in this token"),
        (f"{TOKEN}\nAtna|EwICIFx3", "characters that no token has"),
        ("Atnr|\u00fc", "characters that no token has"),
        (f"Atnr|{'x' * 9000}", "too long"),
        (f'{{"refresh_token": "{TOKEN}"}}', "This is JSON"),
        (f'[{{"value": "{TOKEN}"}}]', "This is JSON"),
        ({"refresh_token": TOKEN}, "This is JSON or a section"),
        ([TOKEN], "not a text"),
        (7, "not a text"),
        ("session-id=1-2-3; session-token=abc; csrf=-1", "These are cookies"),
        ("Cookie: ubid-main=1; at-main=Atza|IwEB", "These are cookies"),
        (f"session-id=1; at-acbde=Atza|x; token={TOKEN}", "These are cookies"),
        (f'refresh_token: "{TOKEN}"', "a name before the token"),
        (f"refresh_token={TOKEN}", "a name before the token"),
    ],
)
def test_what_cannot_be_a_token_is_named_and_never_quoted(written: object, words: str) -> None:
    token = refresh_token(written)
    assert (token.value, token.repairs) == ("", ())
    assert words in token.problem
    assert "EwICIFx3" not in token.problem + repr(token)
