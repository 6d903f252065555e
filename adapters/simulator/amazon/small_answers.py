"""The other paths of the Alexa app that clients ask before or beside the monitors."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.simulator.amazon.account import APP_DEVICE_TYPE, Account
from adapters.simulator.amazon.endpoints import ECHO_TYPE, echo_serial
from adapters.simulator.amazon.hosts import market, neighbour
from adapters.simulator.amazon.pages import json_reply
from adapters.simulator.reply import Json, Reply, Request

# What people without alarms, lists, routines or bluetooth get.
_EMPTY: dict[str, Json] = {
    "/api/notifications": {"notifications": []},
    "/api/dnd/device-status-list": {"doNotDisturbDeviceStatusList": []},
    "/api/device-preferences": {"devicePreferences": []},
    "/api/bluetooth": {"bluetoothStates": []},
    "/api/wake-word": {"wakeWords": []},
    "/api/phoenix/group": {"applianceGroups": []},
    "/api/devices/deviceType/dsn/audio/v1/allDeviceVolumes": {"volumes": []},
    "/api/np/list-media-sessions": {"mediaSessionList": []},
    "/accounts": [],
    "/api/customer-status": {"customerStatus": {"isActive": True}},
    "/alexashoppinglists/api/v2/lists/fetch": {"listInfoList": []},
}


# JSON, too, but the service calls it octets.
_STREAMED: dict[str, Json] = {
    "/api/behaviors/v2/automations": [],
    "/api/behaviors/entities": [
        {
            "id": "AMAZON_MUSIC",
            "displayName": "Amazon Music",
            "availability": "AVAILABLE",
            "providerData": {"isDefaultMusicProvider": True},
            "supportedProperties": ["Alexa.Music.PlaySearchPhrase"],
        }
    ],
}


def small_answer(account: Account, seed: int, asked: Request) -> Reply | None:
    """The reply at a path to somebody who is signed in; None where there is nothing."""
    if asked.path in _STREAMED:
        return json_reply(_STREAMED[asked.path], headers={"Content-Type": "application/octet-stream"})
    content = _content(account, seed, asked)
    return None if content is None else json_reply(content)


def _content(account: Account, seed: int, asked: Request) -> Json:
    segments = asked.path.split("/")
    match segments:
        case ["", "users", str(), "identities"]:
            return {"homeGroupId": f"amzn1.comms.id.hg.amzn1~{account.customer_id}"}
        case ["", "homegroups", str(), "devices"]:
            return {"devices": []}
    match asked.path:
        case "/api/users/me":
            return _me(account, asked)
        case "/api/devices-v2/device":
            return {"devices": list(_devices(account, seed))}
        case "/api/bootstrap":
            return {"authentication": _authentication(account)}
        case "/api/welcome":
            return {"alexaHostName": f"alexa.{market(asked.host)}", "authenticated": True}
        case "/api/endpoints":
            return _addresses(asked)
        case "/api/language":
            return {"language": "en-US", "supportedLocales": ["en-US", "en-GB", "de-DE"]}
    return _EMPTY.get(asked.path)


def _me(account: Account, asked: Request) -> Json:
    return {
        "countryOfResidence": "US" if market(asked.host) == "amazon.com" else "DE",
        "effectiveMarketPlaceId": "ATVPDKIKX0DER",
        "email": account.email,
        "eulaAcceptance": True,
        "features": [],
        "fullName": account.name,
        "hasActiveDopplers": True,
        "id": account.customer_id,
        "marketPlaceDomainName": f"https://www.{market(asked.host)}",
        "marketPlaceId": "ATVPDKIKX0DER",
        "marketPlaceLocale": "en-US",
    }


def _authentication(account: Account) -> Json:
    return {
        "authenticated": True,
        "canAccessPrimeMusicContent": False,
        "customerEmail": account.email,
        "customerId": account.customer_id,
        "customerName": account.name,
    }


def _addresses(asked: Request) -> Json:
    return {
        "awsRegion": "us-east-1",
        "retailDomain": f"www.{market(asked.host)}",
        "retailUrl": neighbour(asked, "www"),
        "skillsStoreUrl": neighbour(asked, "skills-store"),
        "websiteApiUrl": neighbour(asked, "alexa"),
        "websiteUrl": neighbour(asked, "alexa"),
    }


def _devices(account: Account, seed: int) -> Sequence[Json]:
    """The Echo and the linked apps. The monitors are not among them."""
    apps: list[Json] = [
        {
            "deviceAccountId": f"A{registration.serial[:13].upper()}",
            "deviceType": registration.device_type,
            "serialNumber": registration.serial,
        }
        for registration in account.registrations
    ]
    return [
        _device(
            account,
            accountName="Kitchen Echo",
            capabilities=["MICROPHONE", "AUDIO_PLAYER", "VOLUME_SETTING", "SUPPORTS_SOFTWARE_VERSION"],
            deviceFamily="ECHO",
            deviceType=ECHO_TYPE,
            serialNumber=echo_serial(seed),
            softwareVersion="12584499076",
        ),
        _device(
            account,
            accountName="This Device",
            appDeviceList=apps,
            capabilities=["SUPPORTS_CONNECTED_HOME", "VOLUME_SETTING"],
            deviceFamily="VOX",
            deviceType=APP_DEVICE_TYPE,
            serialNumber=account.ready.serial,
            softwareVersion="1",
        ),
    ]


def _device(account: Account, **fields: Json) -> Json:
    return {
        "appDeviceList": [],
        "associatedUnitIds": None,
        "charging": None,
        "clusterMembers": [],
        "deviceAccountId": f"A{account.customer_id[1:]}",
        "deviceOwnerCustomerId": account.customer_id,
        "deviceTypeFriendlyName": None,
        "essid": None,
        "language": None,
        "macAddress": None,
        "online": True,
        "parentClusters": [],
        "postalCode": None,
        "registrationId": None,
        "remainingBatteryLevel": None,
        **fields,
    }
