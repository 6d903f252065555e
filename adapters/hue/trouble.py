"""What urllib3 raised, in our words: the network's trouble, or a certificate not believed."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator

import urllib3

from domain.errors import SourceError, SourceRefused, SourceUnavailable

_NEXT_STEP = "is the bridge on, and is its address still right (collectors.hue in config/config.yaml)?"


class CertificateRefused(SourceRefused):
    """Who answers does not prove to be the bridge."""


def trouble_on_the_way(error: Exception, base_url: str) -> SourceError:
    """Our error for what was raised while `base_url` was asked."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(certificate_refusal(cause))
        if isinstance(cause, urllib3.exceptions.SSLError) and "Fingerprint" in str(cause):
            return CertificateRefused(f"the certificate at {base_url} is not the pinned one")
        if isinstance(cause, (http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)):
            return SourceUnavailable(f"the reply of {base_url} ended before it was complete")
    failed = SourceUnavailable(f"the connection to {base_url} failed ({_words(error)}): {_NEXT_STEP}")
    match error:
        case urllib3.exceptions.NewConnectionError():  # to urllib3 a time-out, though it says what failed
            return failed
        case urllib3.exceptions.ConnectTimeoutError():
            return SourceUnavailable(f"no connection to {base_url} before the time-out: {_NEXT_STEP}")
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return SourceUnavailable(f"{base_url} took the connection and gave no answer before the time-out")
        case _:
            return failed


def certificate_refusal(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with a certificate, for a person."""
    reason = getattr(error, "verify_message", "") or str(error)
    is_about_time = "expired" in reason or "not yet valid" in reason
    hint = " (is this computer's clock right?)" if is_about_time else ""
    return f"the certificate is not the bridge's: {reason}{hint}"


def root_of(error: BaseException) -> BaseException:
    """The first of the errors that led to this one. Those after it tell of URLs, which hold keys."""
    errors = list(_chain(error))
    system_errors = [cause for cause in errors if isinstance(cause, OSError) and cause.errno is not None]
    return (system_errors or errors)[-1]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what led to it, and what the libraries wrapped in it."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            yield current
            waiting += [*current.args, getattr(current, "reason", None)]
            waiting += [current.__cause__, current.__context__]


def _words(error: Exception) -> str:
    """The operating system's words where it had any: the libraries' hold addresses of objects, and URLs."""
    root = root_of(error)
    if isinstance(root, OSError) and root.strerror:
        return root.strerror
    if any(isinstance(cause, http.client.RemoteDisconnected) for cause in _chain(error)):
        return "it was closed without an answer"
    return type(root).__name__
