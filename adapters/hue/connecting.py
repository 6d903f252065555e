"""Connect to a bridge that proves its identity over HTTPS, or over HTTP where the address has that scheme."""

from __future__ import annotations

import ssl
from datetime import timedelta
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from adapters.http.lenient_json import Json, flag, text
from adapters.hue.bridge import Bridge, Identity
from adapters.hue.calls import Call
from adapters.hue.errors import (
    CertificateRefused,
    ReadFailed,
    another_bridge,
    has_https,
    no_bridge,
    root_cause,
    transport_error,
    unpinned_certificate,
    without_https,
)
from adapters.hue.tls import Pinned, Proof, SignedBy
from domain.errors import SourceError, SourceRefused, SourceThrottled, SourceUnavailable, StoreError
from ports.clock import Clock
from ports.state import State
from ports.stored_data import Measurements

_STORED_FOR = timedelta(days=366)  # longer than measurements are kept


@attrs.frozen(kw_only=True)
class Address:
    """`port` is None for the usual one; `is_plain` if it was written with `http://`."""

    host: str
    port: int | None
    is_plain: bool

    @property
    def place(self) -> str:
        """The same text for the same place, however it was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def url(self, scheme: str) -> str:
        """Return the base URL, without a path."""
        return f"{scheme}://{self.place}"


def parse_address(written: str) -> Address:
    """Return the address in `host`, `host:port` or a URL. Raise SourceRefused for anything else."""
    written = written.strip()
    if not written:
        raise SourceRefused(
            "the bridge's address is not known. Set collectors.hue.bridge_ip in config/config.yaml"
        )
    refused = SourceRefused(
        f"not an address of a bridge: {written!r}. Write host or host:port (collectors.hue in "
        "config/config.yaml)"
    )
    url = written
    if "://" not in written:
        url = f"https://[{written}]" if _is_ipv6(written) else f"https://{written}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused from error
    # a user, a path or anything else would be lost
    rest = (parts.path.removesuffix("/"), parts.query, parts.fragment, parts.username, parts.password)
    has_space = any(letter.isspace() for letter in parts.netloc)
    if not parts.hostname or port == 0 or parts.scheme not in ("http", "https") or has_space or any(rest):
        raise refused
    return Address(host=parts.hostname, port=port, is_plain=parts.scheme == "http")


class BridgeMemory:
    """What earlier processes learned about bridges: read from the state once, written when it changes.

    `hue.reach.PLACE` holds the id and the HTTPS of the bridge at an address, `hue.bridge.ID` the HTTPS of
    a bridge at any address, `hue.found.ID` where a moved bridge was found, and `hue.plain.ID` where an
    earlier version read a bridge without HTTPS.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._facts: dict[str, dict[str, Json]] = {}

    def get(self, key: str) -> dict[str, Json]:
        """Return the facts under a key, without a read from the second time on."""
        if key not in self._facts:
            self._facts[key] = dict(self._state.get(key))
        return self._facts[key]

    def had_https(self, bridge_id: str) -> bool:
        """Return whether the bridge answered over HTTPS before, at any address."""
        return flag(self.get(_bridge_key(bridge_id)), "has_https") is True

    def update(self, key: str, **facts: Json) -> None:
        """Add or replace facts; write only a change."""
        known = self.get(key)
        changed = {**known, **facts}
        if changed != known:
            self._facts[key] = changed
            self._state.put(key, changed)


@attrs.frozen(kw_only=True)
class EarlierReads:
    """The reads of a source that a home has stored.

    Versions that read a bridge without HTTPS also without that scheme in its address remembered only the
    HTTPS of others.
    """

    source: str
    measurements: Measurements
    clock: Clock

    def have_no_v2(self) -> bool:
        """Return whether the source was read, and never by v2, which needs HTTPS. Blocks."""
        now = self.clock.now()
        try:
            costs = self.measurements.between(now - _STORED_FOR, now + timedelta(days=1))
        except StoreError:
            return False
        ways = {one.strategy for one in costs if one.source == self.source and one.succeeded}
        return bool(ways) and ways <= {"v1", "whole_bridge"}


@attrs.frozen(kw_only=True)
class BridgeConnector:
    """Opens one bridge. Without a `bridge_id` it is read from the first certificate and remembered.

    `earlier` are the reads of a home that may be older than the rule for plain HTTP.
    """

    bridge_id: str | None
    certificate_sha256: str | None
    roots: Path
    memory: BridgeMemory
    earlier: EarlierReads | None = None

    def connect(
        self,
        call: Call,
        written: str,
        bridge_id: str | None = None,
        *,
        was_read_here: bool = False,
        is_announced: bool = False,
    ) -> Bridge:
        """Return a bridge that has proved its identity; `written` is an address from the configuration.

        `bridge_id` counts if none is configured. `was_read_here` if an earlier version read the bridge at
        this address; `is_announced` if it is not configured. Raise SourceRefused for a wrong certificate
        or another bridge, SourceUnavailable if no bridge answers.
        """
        address = parse_address(written)
        wanted_id = self.bridge_id or bridge_id
        if address.is_plain:
            return self._connect_plain(call, address, written, wanted_id)
        try:
            return self._connect_encrypted(call, address, written, wanted_id)
        except CertificateRefused as refused:
            raise self._explain(refused, call, address, written, wanted_id) from refused
        except SourceUnavailable as unavailable:
            # nothing listens for HTTPS at the usual port, and this bridge never had it
            if (
                address.port is not None
                or not isinstance(root_cause(unavailable), ConnectionRefusedError)
                or self._had_https(address, wanted_id)
            ):
                raise
            if not is_announced and (was_read_here or self._was_plain(address, wanted_id)):
                bridge = self._connect_plain(call, address, written, wanted_id)
                self.memory.update(_plain_key(wanted_id), place=address.place)
                return bridge
            if self._is_round_bridge(call, address, wanted_id):
                raise without_https(written) from unavailable
            raise

    def remembered_id(self, written: str) -> str | None:
        """Return the id that the certificate at an address had before."""
        return text(self.memory.get(_place_key(parse_address(written))), "bridge_id") if written else None

    def _connect_encrypted(self, call: Call, address: Address, written: str, wanted_id: str | None) -> Bridge:
        proof = self._proof(call, address, written, wanted_id)
        bridge = call.open(address.url("https"), proof)
        try:
            with bridge.optional_read(call.deadline_s) as deadline_s:
                identity = bridge.identity(deadline_s)
        except CertificateRefused:
            raise
        except SourceError as error:  # the certificate is proof enough; the reads show what the bridge offers
            if isinstance(error, SourceThrottled) and error.retry_after_s:
                raise  # a wait that the bridge asks for is never shortened
            if isinstance(error, SourceUnavailable) and not (
                isinstance(error, ReadFailed) or bridge.is_proved
            ):
                raise
        else:
            _check_identity(identity, written, wanted_id)
            bridge.offers_v2 = identity.has_v2
        known_id = proof.bridge_id if isinstance(proof, SignedBy) else wanted_id
        self.memory.update(_place_key(address), bridge_id=known_id, has_https=True)
        if known_id:
            self.memory.update(_bridge_key(known_id), has_https=True)
        return bridge

    def _proof(self, call: Call, address: Address, written: str, wanted_id: str | None) -> Proof:
        if self.certificate_sha256:
            return Pinned(self.certificate_sha256)
        if known_id := self._known_id(address, wanted_id):
            return SignedBy(self.roots, known_id)
        try:  # trust on first use: the id on a leaf that the roots signed
            leaf = call.fetch_leaf(address.host, address.port, self.roots)
        except ssl.SSLCertVerificationError as error:
            raise transport_error(error, written) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceUnavailable(
                f"no bridge answers at {written} ({reason})", endpoint=f"TLS {written}"
            ) from error
        if leaf.common_name is None:
            raise SourceRefused(
                f"the certificate at {written} does not name its bridge. Set hue: bridge_id in "
                "config/secrets.yaml"
            )
        return SignedBy(self.roots, leaf.common_name)

    def _connect_plain(self, call: Call, address: Address, written: str, wanted_id: str | None) -> Bridge:
        """Connect without encryption, where anybody can read the key: only to a bridge without HTTPS."""
        if self._had_https(address, wanted_id):
            raise has_https(written)
        bridge = call.open(address.url("http"), None)
        identity = bridge.identity(call.deadline_s)
        _check_identity(identity, written, wanted_id)
        if not identity.is_bridge:
            raise no_bridge(written, identity.description)
        if identity.has_https:
            raise has_https(written)
        bridge.offers_v2 = False
        return bridge

    def _was_plain(self, address: Address, wanted_id: str | None) -> bool:
        """Return whether an earlier version of the program read this bridge here without HTTPS."""
        if place := text(self.memory.get(_plain_key(wanted_id)), "place"):
            return place == address.place
        return self.earlier is not None and self.earlier.have_no_v2()

    def _is_round_bridge(self, call: Call, address: Address, wanted_id: str | None) -> bool:
        """Return whether a bridge without HTTPS answers, without sending it the key."""
        bridge = call.open(address.url("http"), None)
        try:
            with bridge.optional_read(call.deadline_s) as deadline_s:
                identity = bridge.identity(deadline_s)
        except SourceError:
            return False
        is_wanted = wanted_id in (None, identity.bridge_id)
        return identity.is_bridge and is_wanted and not identity.has_https

    def _explain(
        self, refused: CertificateRefused, call: Call, address: Address, written: str, wanted_id: str | None
    ) -> SourceRefused:
        """Return the refusal with what answers at the address instead, and what to do."""
        try:
            leaf = call.fetch_leaf(address.host, address.port, None)
        except (OSError, ValueError):
            return refused
        known_id = self._known_id(address, wanted_id)
        if known_id and leaf.common_name and leaf.common_name != known_id:
            return another_bridge(written, leaf.common_name, known_id)
        return unpinned_certificate(
            refused,
            written,
            known_id or leaf.common_name,
            leaf,
            is_pinned=self.certificate_sha256 is not None,
        )

    def _known_id(self, address: Address, wanted_id: str | None) -> str | None:
        known_id = wanted_id or text(self.memory.get(_place_key(address)), "bridge_id")
        return (known_id or "").lower() or None

    def _had_https(self, address: Address, wanted_id: str | None) -> bool:
        """Return whether this bridge is pinned or answered over HTTPS before, here or elsewhere."""
        place = self.memory.get(_place_key(address))
        known_id = self._known_id(address, wanted_id)
        if self.certificate_sha256:
            return True
        if known_id and self.memory.had_https(known_id):
            return True
        return text(place, "bridge_id") in (None, known_id) and flag(place, "has_https") is True


def _check_identity(identity: Identity, written: str, wanted_id: str | None) -> None:
    if wanted_id and identity.bridge_id and identity.bridge_id != wanted_id.lower():
        raise another_bridge(written, identity.bridge_id, wanted_id)


def _place_key(address: Address) -> str:
    return f"hue.reach.{address.place}"


def _bridge_key(bridge_id: str) -> str:
    return f"hue.bridge.{bridge_id.lower()}"


def _plain_key(bridge_id: str | None) -> str:
    return f"hue.plain.{(bridge_id or 'unknown').lower()}"


def _is_ipv6(written: str) -> bool:
    try:
        IPv6Address(written)
    except ValueError:
        return False
    return True
