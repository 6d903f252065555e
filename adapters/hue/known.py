"""What is known of a bridge's sensors beside their temperature, as it is kept from process to process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import attrs

from adapters.http.lenient_json import MAX_DEVICES, Json, flag, instant, integer, members, text
from adapters.hue.api_v2 import Link


@attrs.define
class Known:
    """Uniqueids by resource id; names, charge in per cent and links by device.

    `guessed` are the resource ids whose uniqueid v1 has not confirmed, `asked_for` those that this process
    has asked about.
    """

    uniqueids: dict[str, str] = attrs.field(factory=dict)
    names: dict[str, str] = attrs.field(factory=dict)
    batteries: dict[str, int] = attrs.field(factory=dict)
    links: dict[str, Link] = attrs.field(factory=dict)
    guessed: set[str] = attrs.field(factory=set)
    asked_for: set[str] = attrs.field(factory=set)
    details_at: datetime | None = None
    links_at: datetime | None = None

    def is_strange(self, resource_id: str) -> bool:
        """Whether its identity is not known, or only guessed."""
        return resource_id not in self.uniqueids or resource_id in self.guessed

    def forget_surplus(self, ids: Collection[str], owners: Collection[str]) -> None:
        """Drop what is of no listed sensor, where more is known than a home has: it would grow for years."""
        if len(self.uniqueids) > MAX_DEVICES or len(self.names) > MAX_DEVICES:
            self.uniqueids = {key: value for key, value in self.uniqueids.items() if key in ids}
            self.names = {key: value for key, value in self.names.items() if key in owners}
            self.guessed.intersection_update(ids)
        if len(self.asked_for) > MAX_DEVICES:
            self.asked_for.intersection_update(ids)


def kept(known: Known) -> dict[str, Json]:
    """What the next process is told; guesses are not for keeping."""
    return {
        "details_at": known.details_at.isoformat() if known.details_at else None,
        "links_at": known.links_at.isoformat() if known.links_at else None,
        "uniqueids": {key: value for key, value in known.uniqueids.items() if key not in known.guessed},
        "names": dict(known.names),
        "batteries": dict(known.batteries),
        "links": {owner: {"mac": link.mac, "is_up": link.is_up} for owner, link in known.links.items()},
    }


def restored(kept: Mapping[str, Json]) -> Known:
    """What an earlier process kept; whatever is not of the shape is simply not known."""
    uniqueids, names, links = (members(kept.get(part)) for part in ("uniqueids", "names", "links"))
    batteries = members(kept.get("batteries"))
    return Known(
        uniqueids={key: value for key in uniqueids if (value := text(uniqueids[key]))},
        names={key: value for key in names if (value := text(names[key]))},
        batteries={key: charge for key in batteries if (charge := integer(batteries[key])) is not None},
        links={key: Link(mac=text(link, "mac"), is_up=flag(link, "is_up")) for key, link in links.items()},
        details_at=instant(kept.get("details_at")),
        links_at=instant(kept.get("links_at")),
    )
