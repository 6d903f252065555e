"""How a person names sources on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from config.bridges import Bridge as ConfiguredBridge
from config.loading import Loaded
from config.settings import AmazonAqmSettings, Settings
from domain.reading import Quantity
from domain.services.collection_cycle import SourcePlan
from ports.journal import Journal
from ports.meter import Meter
from ports.setup import BridgeFinder
from ports.source import Source
from ports.state import State

if TYPE_CHECKING:
    from adapters.amazon.hosts import Hosts
    from adapters.hue.bridge import BridgeOpener
    from entrypoints.wiring.environment import Environment


def is_called(name: str, wanted: str) -> bool:
    """Whether that name of a source is meant by one: `hue` means every `hue:...` too."""
    return name == wanted or name.startswith(f"{wanted}:")


# The part of the composition root that gives each source its adapters.

_AMAZON = "amazon"


def source_names(loaded: Loaded) -> frozenset[str]:
    """The sources that the home collects from."""
    collectors = loaded.settings.collectors
    names = hue_names(loaded) if collectors.hue.enabled else ()
    return frozenset([*names, *([_AMAZON] if collectors.amazon_aqm.enabled else [])])


def hue_plans(
    loaded: Loaded, environment: Environment, state: State, meter: Meter, journal: Journal
) -> Sequence[SourcePlan]:
    """A plan for each of the home's bridges."""
    settings = loaded.settings
    if not settings.collectors.hue.enabled:
        return ()
    return [
        SourcePlan(
            source=hue_source(name, bridge, settings, environment, state, meter, journal),
            interval_s=settings.hue_interval_s,
            policy=settings.hue_retry,
            plausible=settings.hue_plausible,
        )
        for name, bridge in zip(hue_names(loaded), loaded.bridges, strict=True)
    ]


def hue_names(loaded: Loaded) -> Sequence[str]:
    """What each bridge is called as a source; the only one of a home is called `hue`."""
    several = len(loaded.bridges) > 1
    return [f"hue:{bridge.id}" if several else "hue" for bridge in loaded.bridges]


def hue_source(
    name: str,
    bridge: ConfiguredBridge,
    settings: Settings,
    environment: Environment,
    state: State,
    meter: Meter,
    journal: Journal,
) -> Source:
    """A bridge as a source."""
    from adapters.hue.connecting import BridgeConnector, BridgeMemory
    from adapters.hue.locating import BridgeLocator
    from adapters.hue.sensor_directory import SensorDirectory
    from adapters.hue.sensors import ReadingSettings
    from adapters.hue.source import HueSource
    from adapters.hue.tls import SIGNIFY_ROOTS

    hue = settings.collectors.hue
    memory = BridgeMemory(state)
    connector = BridgeConnector(
        bridge_id=bridge.id,
        certificate_sha256=bridge.certificate_sha256,
        roots=environment.hue_roots or SIGNIFY_ROOTS,
        memory=memory,
    )
    return HueSource(
        name=name,
        locator=BridgeLocator(
            connector=connector,
            address=bridge.address or "",
            finder=bridge_finder(environment) if hue.auto_discover else None,
            memory=memory,
            clock=environment.clock,
            journal=journal,
        ),
        opener=bridge_opener(
            name, bridge.api_key.value if bridge.api_key else "", hue.timeout_seconds, environment, meter
        ),
        strategy=hue.read,
        settings=ReadingSettings(
            locations=hue.sensor_locations,
            fall_back_to_name=hue.fallback_to_name,
            unnamed=settings.collectors.general.location_of_unnamed,
            battery=hue.collect_battery_level,
            reachability=hue.collect_signal_strength,
            raw_response=hue.collect_raw_response,
        ),
        directory=SensorDirectory(
            state=state, key=f"hue.directory.{bridge.id or bridge.address}", journal=journal
        ),
        clock=environment.clock,
        journal=journal,
    )


def bridge_opener(
    name: str, api_key: str, timeout_s: float, environment: Environment, meter: Meter
) -> BridgeOpener:
    """Return what opens bridges as the source of that name."""
    from adapters.hue.bridge import BridgeOpener

    return BridgeOpener(
        source=name, api_key=api_key, timeout_s=timeout_s, clock=environment.clock, meter=meter
    )


def bridge_finder(environment: Environment) -> BridgeFinder:
    """Return what finds bridges on the home's own network; a simulated home has none."""
    from adapters.hue.discovery import MdnsFinder
    from adapters.memory.source import MemoryBridgeFinder

    if environment.bridge_finder is not None:
        return environment.bridge_finder
    return MemoryBridgeFinder() if environment.is_simulated else MdnsFinder(environment.clock)


def amazon_plans(
    loaded: Loaded, environment: Environment, state: State, meter: Meter, journal: Journal
) -> Sequence[SourcePlan]:
    """Return a plan for the home's Amazon account, if it has one."""
    settings = loaded.settings
    if not settings.collectors.amazon_aqm.enabled:
        return ()
    return (
        SourcePlan(
            source=amazon_source(loaded, environment, state, meter, journal),
            interval_s=settings.amazon_aqm_interval_s,
            policy=settings.amazon_aqm_retry,
            plausible=settings.amazon_aqm_plausible,
        ),
    )


def amazon_source(
    loaded: Loaded, environment: Environment, state: State, meter: Meter, journal: Journal
) -> Source:
    """Return the monitors of the home's account as a source."""
    from adapters.amazon.alexa import Alexa
    from adapters.amazon.authorisation import authoriser_of
    from adapters.amazon.http import AmazonSession
    from adapters.amazon.monitors import MonitorDirectory
    from adapters.amazon.source import AmazonSource, MonitorSettings

    aqm, secrets = loaded.settings.collectors.amazon_aqm, loaded.secrets.amazon_aqm
    hosts = amazon_hosts(loaded.settings)
    session = AmazonSession(
        source=_AMAZON,
        timeout_s=aqm.request_timeout_s,
        roots=environment.amazon_roots,
        clock=environment.clock,
        meter=meter,
    )
    authoriser = authoriser_of(
        refresh_token=secrets.refresh_token.value if secrets.refresh_token else None,
        cookies={name: cookie.value for name, cookie in secrets.cookies.items()},
        session=session,
        hosts=hosts,
        state=state,
        clock=environment.clock,
    )
    alexa = Alexa(session=session, authoriser=authoriser, alexa_url=hosts.alexa, clock=environment.clock)
    return AmazonSource(
        name=_AMAZON,
        alexa=alexa,
        directory=MonitorDirectory(alexa=alexa, state=state, clock=environment.clock, journal=journal),
        settings=MonitorSettings(
            locations=aqm.device_locations,
            fallback_location=aqm.fallback_location,
            unnamed=loaded.settings.collectors.general.location_of_unnamed,
            quantities=_quantities(aqm),
            reachability=aqm.collect_connectivity,
            raw_response=aqm.collect_raw_response,
        ),
        device_serial=aqm.device_serial,
        clock=environment.clock,
        journal=journal,
    )


def amazon_hosts(settings: Settings) -> Hosts:
    """Return the URLs of the account's services."""
    from adapters.amazon.hosts import hosts_of

    aqm = settings.collectors.amazon_aqm
    return hosts_of(aqm.domain, alexa=aqm.alexa_url, api=aqm.api_url, www=aqm.www_url)


def _quantities(aqm: AmazonAqmSettings) -> frozenset[Quantity]:
    """Return which quantities of a monitor are stored."""
    wanted = {
        Quantity.TEMPERATURE: aqm.collect_temperature,
        Quantity.RELATIVE_HUMIDITY: aqm.collect_humidity,
        Quantity.PM25: aqm.collect_pm25,
        Quantity.PM10: aqm.collect_pm25,
        Quantity.VOC_INDEX: aqm.collect_voc,
        Quantity.CARBON_MONOXIDE: aqm.collect_co,
        Quantity.IAQ_SCORE: aqm.collect_iaq,
    }
    return frozenset(quantity for quantity, is_wanted in wanted.items() if is_wanted)
