"""What v1 of the bridge's interface says of the bridge itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.hue.v1_motion import stamp
from adapters.simulator.local_time import TIME_ZONE, offset_s
from adapters.simulator.reply import Json


def short_config(model: BridgeModel) -> dict[str, Json]:
    """What everybody may know."""
    return {
        "name": model.name,
        "datastoreversion": "172",
        "swversion": model.software_version,
        "apiversion": model.api_version,
        "mac": model.mac,
        "bridgeid": model.bridge_id.upper(),
        "factorynew": False,
        "replacesbridgeid": None,
        "modelid": model.model_id,
        "starterkitid": "",
    }


def full_config(model: BridgeModel, keys: ApplicationKeys, now: datetime) -> dict[str, Json]:
    """What an application may know, which includes everybody else's keys."""
    epoch_s = now.timestamp()
    local = now + timedelta(seconds=offset_s(epoch_s))
    return {
        **short_config(model),
        "zigbeechannel": 25,
        "dhcp": True,
        "ipaddress": "127.0.0.1",
        "netmask": "255.0.0.0",
        "gateway": "127.0.0.1",
        "proxyaddress": "none",
        "proxyport": 0,
        "UTC": stamp(epoch_s),
        "localtime": local.strftime("%Y-%m-%dT%H:%M:%S"),
        "timezone": TIME_ZONE,
        "swupdate2": _software_update(),
        "linkbutton": keys.is_pairing,
        "portalservices": True,
        "analyticsconsent": False,
        "portalconnection": "connected",
        "portalstate": {
            "signedon": True,
            "incoming": False,
            "outgoing": True,
            "communication": "disconnected",
        },
        "internetservices": {
            "internet": "connected",
            "remoteaccess": "connected",
            "time": "connected",
            "swupdate": "connected",
        },
        "backup": {"status": "idle", "errorcode": 0},
        "whitelist": {
            key: {
                "last use date": stamp(application.last_used.timestamp()),
                "create date": stamp(application.created.timestamp()),
                "name": application.name,
            }
            for key, application in keys.applications.items()
        },
    }


def _software_update() -> dict[str, Json]:
    return {
        "checkforupdate": False,
        "lastchange": "2025-11-06T03:14:49",
        "bridge": {"state": "noupdates", "lastinstall": "2025-11-06T03:14:40"},
        "state": "noupdates",
        "autoinstall": {"updatetime": "T14:00:00", "on": True},
    }
