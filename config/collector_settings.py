"""What a home can set for each of its collectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import attrs

from config.kinds import (
    Address,
    AmazonDomain,
    Attempts,
    BridgeId,
    Celsius,
    CertificateSha256,
    FirstDelay,
    HttpsUrl,
    Interval,
    Multiplier,
    Percent,
    Timeout,
)
from config.markers import Between, Meaning
from domain.values import frozen

HueRead = Literal["auto", "v2", "v1", "whole_bridge"]

_OWN_INTERVAL = Meaning("Seconds between two cycles of this source; null is collection.interval_seconds.")
_OWN_ATTEMPTS = Meaning("How often it is asked in one cycle at most; null is collection.retry_attempts.")
_LEAST_CELSIUS = Meaning(
    "Colder than this (degC) is flagged as anomalous; null is validation.indoor_temp_min."
)
_MOST_CELSIUS = Meaning(
    "Warmer than this (degC) is flagged as anomalous; null is validation.indoor_temp_max."
)
_RAW = Meaning("Whether what the source sent is stored with each reading.")


@frozen(kw_only=True)
class BridgeSettings:
    """One of several Hue bridges."""

    id: Annotated[BridgeId, Meaning("The bridge's id, 16 hexadecimal digits.")]
    address: Annotated[
        Address | None, Meaning("host, host:port or http://host[:port]; null finds it on the network.")
    ] = None
    certificate_sha256: Annotated[
        CertificateSha256 | None, Meaning("The fingerprint of its own certificate, for a self-signed bridge.")
    ] = None


@frozen(kw_only=True)
class HueSettings:
    enabled: Annotated[bool, Meaning("Whether Hue bridges are asked.")] = True
    read: Annotated[
        HueRead, Meaning("What is asked of a bridge; auto takes the smallest reply that it can give.")
    ] = "auto"
    bridge_ip: Annotated[
        Address | None, Meaning("The only bridge: host, host:port or http://host[:port]; null finds it.")
    ] = None
    bridges: Annotated[
        tuple[BridgeSettings, ...],
        Meaning("Several bridges, or one with a pinned certificate, in place of bridge_ip."),
    ] = ()
    auto_discover: Annotated[
        bool, Meaning("Whether a bridge without an address, or gone from it, is looked for on the network.")
    ] = True
    timeout_seconds: Annotated[Timeout, Meaning("Seconds for one request.")] = 10.0
    collection_interval: Annotated[Interval | None, _OWN_INTERVAL] = None
    retry_attempts: Annotated[Attempts | None, _OWN_ATTEMPTS] = None
    retry_backoff_base: Annotated[
        Multiplier, Meaning("What each wait is multiplied with for the next one; the first is 1 s.")
    ] = 2.0
    sensor_locations: Annotated[Mapping[str, str], Meaning("Names of rooms by the sensor's uniqueid.")] = (
        attrs.field(factory=dict)
    )
    fallback_to_name: Annotated[
        bool, Meaning("Whether a sensor that sensor_locations does not list goes by its own name.")
    ] = True
    temperature_min: Annotated[Celsius | None, _LEAST_CELSIUS] = None
    temperature_max: Annotated[Celsius | None, _MOST_CELSIUS] = None
    collect_battery_level: Annotated[bool, Meaning("Whether the battery's level is stored.")] = True
    collect_signal_strength: Annotated[
        bool, Meaning("Whether it is stored that the sensor was reachable.")
    ] = True
    collect_raw_response: Annotated[bool, _RAW] = False


@frozen(kw_only=True)
class AmazonAqmSettings:
    enabled: Annotated[bool, Meaning("Whether Amazon's air quality monitors are asked.")] = False
    domain: Annotated[AmazonDomain, Meaning("The Amazon site of the account, such as amazon.co.uk.")] = (
        "amazon.com"
    )
    alexa_url: Annotated[
        HttpsUrl | None, Meaning("Where the data come from; null is https://alexa. and the domain.")
    ] = None
    api_url: Annotated[
        HttpsUrl | None, Meaning("Where access tokens come from; null is https://api.amazon.com.")
    ] = None
    www_url: Annotated[
        HttpsUrl | None, Meaning("Where cookies come from; null is https://www. and the domain.")
    ] = None
    device_serial: Annotated[
        str | None, Meaning("The only monitor to read; null reads all of the account.")
    ] = None
    timeout_seconds: Annotated[Timeout, Meaning("Seconds for one request.")] = 18.0
    collection_interval: Annotated[Interval | None, _OWN_INTERVAL] = None
    retry_attempts: Annotated[Attempts | None, _OWN_ATTEMPTS] = None
    retry_backoff_base: Annotated[
        FirstDelay | None,
        Meaning(
            "Seconds before the second attempt, doubled each time; null is collection.retry_backoff_base."
        ),
    ] = None
    max_timeout: Annotated[
        Timeout, Meaning("Seconds that no request may exceed, whatever timeout_seconds says.")
    ] = 18.0
    device_locations: Annotated[
        Mapping[str, str], Meaning("Names of rooms by the monitor's serial number.")
    ] = attrs.field(factory=dict)
    fallback_location: Annotated[
        str | None,
        Meaning("The room of a monitor that device_locations does not list; null is its own name."),
    ] = None
    temperature_min: Annotated[Celsius | None, _LEAST_CELSIUS] = None
    temperature_max: Annotated[Celsius | None, _MOST_CELSIUS] = None
    humidity_min: Annotated[Percent, Meaning("Drier than this (%) is flagged as anomalous.")] = 0.0
    humidity_max: Annotated[Percent, Meaning("Damper than this (%) is flagged as anomalous.")] = 100.0
    iaq_min: Annotated[Percent, Meaning("An air quality score below this is flagged as anomalous.")] = 0.0
    iaq_max: Annotated[Percent, Meaning("An air quality score above this is flagged as anomalous.")] = 100.0
    collect_temperature: Annotated[bool, Meaning("Whether the temperature is stored.")] = True
    collect_humidity: Annotated[bool, Meaning("Whether the relative humidity is stored.")] = True
    collect_pm25: Annotated[bool, Meaning("Whether fine dust (PM2.5, and PM10) is stored.")] = True
    collect_voc: Annotated[bool, Meaning("Whether the VOC index is stored.")] = True
    collect_co: Annotated[bool, Meaning("Whether carbon monoxide is stored.")] = True
    collect_iaq: Annotated[bool, Meaning("Whether the air quality score is stored.")] = True
    collect_connectivity: Annotated[bool, Meaning("Whether it is stored that the monitor was reachable.")] = (
        True
    )
    collect_raw_response: Annotated[bool, _RAW] = False

    @property
    def request_timeout_s(self) -> float:
        return min(self.timeout_seconds, self.max_timeout)


@frozen(kw_only=True)
class AbsentCollectorSettings:
    """A section that old files have for a collector that was never written."""

    enabled: Annotated[bool, Meaning("There is no such collector; true warns.")] = False
    timeout_seconds: Annotated[
        float, Meaning("Seconds for one request, if there were any."), Between(least=0)
    ] = 10.0


@frozen(kw_only=True)
class CollectorsSettings:
    hue: HueSettings = attrs.field(factory=HueSettings)
    amazon_aqm: AmazonAqmSettings = attrs.field(factory=AmazonAqmSettings)
    nest: AbsentCollectorSettings = attrs.field(factory=AbsentCollectorSettings)
    weather: AbsentCollectorSettings = attrs.field(factory=AbsentCollectorSettings)
