"""Sources that repeat every secret that they were sent, in each text of theirs.

For processes of their own too: `in_children` writes a folder for PYTHONPATH, whose `sitecustomize` installs
them when Python starts.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.amazon.source import AmazonSource
from adapters.hue.source import HueSource
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused
from domain.redaction import Redactor
from tests.support.builders import a_reading, an_unread

_QUOTED, _REDACTS = "QUOTED_BY_SOURCES", "REDACTS_TEXTS"

# Each is made up, and has what its kind is known by. The access token and the cookie of a sign-in are in no
# file of the home: they are recognised by their shapes.
SECRETS: Mapping[str, str] = {
    "Hue key": "MARKEDhueKey0123456789abcdefghijklmnopqrs",
    "refresh token": "Atnr|MARKED-refresh-token-0123456789",
    "access token": "Atna|MARKED-access-token-0123456789",
    "cookie of the home": "MARKED/cookie+of=the home",
    "cookie of a sign-in": "MARKED-cookie-of-a-sign-in",
    "mail password": "MARKED mail password",
    "ping URL": "http://127.0.0.1:9/MARKED-ping",
}
SECRETS_FILE = f"""\
hue: {{api_key: {SECRETS["Hue key"]}, bridge_id: 001788fffe000001}}
amazon_aqm:
  refresh_token: "{SECRETS["refresh token"]}"
  cookies: {{session-token: "{SECRETS["cookie of the home"]}", csrf: "5"}}
alerts: {{mail_password: "{SECRETS["mail password"]}", ping_url: "{SECRETS["ping URL"]}"}}
"""


def quotation() -> str:
    """Return a text with every secret, as a service or a library could show the request that it got."""
    return (
        f"you sent GET /api/{SECRETS['Hue key']}/sensors with {SECRETS['refresh token']}, "
        f"Authorization: Bearer {SECRETS['access token']}, "
        f"Cookie: session-token={SECRETS['cookie of the home']}; at-main={SECRETS['cookie of a sign-in']}, "
        f"{SECRETS['mail password']} and {SECRETS['ping URL']}"
    )


def environment(*, redacts: bool) -> dict[str, str]:
    """Return the environment that `install` reads."""
    return {_QUOTED: quotation(), _REDACTS: json.dumps(redacts)}


def in_children(folder: Path) -> Path:
    """Write the folder, to be put first into PYTHONPATH."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("from tests.support import quoting\nquoting.install()\n")
    return folder


def install(replace: Callable[[Any, str, Any], object] = setattr) -> None:
    """Let both kinds of source quote; also leave all texts as they are, if the environment says so."""
    quoted = os.environ[_QUOTED]

    async def read_hue(source: HueSource, slot: datetime, deadline_s: float) -> SourceReply:
        logging.getLogger("urllib3.connectionpool").warning(quoted)
        failing = threading.Thread(target=_raise, args=(quoted,))
        failing.start()
        failing.join()
        reading = a_reading(collected_at=slot, observed_at=slot)
        return SourceReply(
            readings=(reading,), unread=(an_unread("hue:hall", detail=quoted),), notes=(quoted,)
        )

    async def read_amazon(source: AmazonSource, slot: datetime, deadline_s: float) -> SourceReply:
        raise CredentialsRefused(quoted)

    replace(HueSource, "read", read_hue)
    replace(AmazonSource, "read", read_amazon)
    if not json.loads(os.environ[_REDACTS]):
        replace(Redactor, "redact", lambda _redactor, text: text)


def _raise(text: str) -> None:
    raise ValueError(text)
