"""Every failure that the domain can name; whether it may pass by itself is a matter of its class."""

from __future__ import annotations


class HomeclimateError(Exception):
    """A failure with a message for a person: what was tried, what came back, what to do. Holds no secret.

    `endpoint` is what was asked, where that is known: a method and a URL without secrets, or a file's name.
    """

    def __init__(self, message: str = "", *, endpoint: str | None = None) -> None:
        super().__init__(message)
        self.endpoint = endpoint


class SourceError(HomeclimateError):
    """A source did not give its readings."""


class SourceUnavailable(SourceError):
    """The network or the server is in trouble; asking again may help, after `retry_after_s` if given."""

    def __init__(
        self, message: str = "", *, retry_after_s: float | None = None, endpoint: str | None = None
    ) -> None:
        super().__init__(message, endpoint=endpoint)
        self.retry_after_s = retry_after_s


class SourceThrottled(SourceError):
    """The source asks for fewer requests; `retry_after_s` is the wait that it named, if it named one."""

    def __init__(
        self, message: str = "", *, retry_after_s: float | None = None, endpoint: str | None = None
    ) -> None:
        super().__init__(message, endpoint=endpoint)
        self.retry_after_s = retry_after_s


class CredentialsStale(SourceError):
    """The credentials have run out; refreshing them once and asking once more may help."""


class CredentialsRefused(SourceError):
    """The credentials are missing, or refused for good: a person must act."""


class SourceRefused(SourceError):
    """The source will not answer, and signing in again would not help.

    A wrong certificate, another bridge at the address, a 403 that has nothing to do with credentials.
    """


class SourceGarbled(SourceError):
    """The reply has an unexpected shape. The message carries a redacted sample of it."""


class SourceLocked(HomeclimateError):
    """Another process collects from the source; two would count each other's work as missing."""


class StoreError(HomeclimateError):
    """The store did not do what was asked of it; nothing of the cycle is stored."""


class StoreBusy(StoreError):
    """Another program holds the database; asking again may help."""


class StoreFull(StoreError):
    """There is no room for the database to grow."""


class StoreOutdated(StoreError):
    """The database is from before this program; the first cycle brings it up to date."""


class StoreCorrupt(StoreError):
    """The file is damaged, or is not a database of ours."""


class StoreRefused(StoreError):
    """The database is sound but not one to write to: simulated or real where the other is due, or too new."""


class CycleUnstorable(StoreError):
    """The store is sound and will never take this one cycle: a value in it is none that a table can hold."""


class BaselineExists(HomeclimateError):
    """There is a baseline by that name, and it is not to be replaced."""


class NothingMeasured(HomeclimateError):
    """There is nothing that a baseline could be made of, or compared."""


class SpoolError(HomeclimateError):
    """The spool did not take a cycle; nothing of it is on the disk."""


class NotifyError(HomeclimateError):
    """A person could not be told, and trying again in the same way will not help."""


class NotifyUnavailable(NotifyError):
    """Whoever carries the message cannot take it now; trying again may help."""


class SettingsError(HomeclimateError):
    """The configuration is wrong. The message holds all faults, each `file:line:col: path: message`."""
