"""The errors that someone acts on. Whether one is transient is a matter of its class."""

from __future__ import annotations


class HomeclimateError(Exception):
    """An error with a message for a person: what is wrong, then what to do. Contains no secret.

    `endpoint` is what was asked, if known: a method and a URL without secrets, or a file's name.
    """

    def __init__(self, message: str = "", *, endpoint: str | None = None) -> None:
        super().__init__(message)
        self.endpoint = endpoint


class SourceError(HomeclimateError):
    """A source gave no readings. `retry_after_s` is the wait that it asked for, if any."""

    def __init__(
        self, message: str = "", *, retry_after_s: float | None = None, endpoint: str | None = None
    ) -> None:
        super().__init__(message, endpoint=endpoint)
        self.retry_after_s = retry_after_s


class SourceUnavailable(SourceError):
    """The network or the server failed; try again."""


class CredentialsDoubted(SourceUnavailable):
    """The credentials were refused once, which may pass; a second refusal is needed to be certain."""


class SourceThrottled(SourceError):
    """The source asks for fewer requests."""


class CredentialsStale(SourceError):
    """The credentials have expired; refresh them and try once more."""


class CredentialsRefused(SourceError):
    """The credentials are missing, or refused for good: a person must act."""


class SourceRefused(SourceError):
    """The source will not answer, and signing in again would not help.

    Such as a wrong certificate, another device at the address, or a 403 unrelated to credentials.
    """


class SourceGarbled(SourceError):
    """The reply has an unexpected shape. The message contains a redacted sample."""


class SourceLocked(HomeclimateError):
    """Another process collects from the source; two would report each other's slots as missed."""


class StoreError(HomeclimateError):
    """The store failed; nothing of the cycle is stored."""


class StoreBusy(StoreError):
    """Another program holds the database; try again."""


class StoreFull(StoreError):
    """The disk has no room for the database."""


class StoreMissing(StoreError):
    """The home has a database, and it is not where it was: its disk, its folder or the file is away."""


class StoreOutdated(StoreError):
    """The database has the format of an earlier program; the first cycle upgrades it."""


class StoreCorrupt(StoreError):
    """The file is damaged, or is not a database of this program."""


class StoreRefused(StoreError):
    """The database must not be written to: simulated instead of real or vice versa, or too new."""


class CycleUnstorable(StoreError):
    """The store will never take this one cycle, since a table cannot hold one of its values."""


class BaselineExists(HomeclimateError):
    """There is a baseline of that name, and it must not be replaced."""


class NothingMeasured(HomeclimateError):
    """There are no measurements for a baseline or a comparison."""


class SpoolError(HomeclimateError):
    """The spool failed; nothing of the cycle is on the disk."""


class NotifyError(HomeclimateError):
    """A message cannot be sent, and trying again will not help."""


class NotifyUnavailable(NotifyError):
    """A message cannot be sent now; try again."""


class SettingsError(HomeclimateError):
    """The configuration is wrong. The message has all problems, each `file:line:col: path: message`."""
