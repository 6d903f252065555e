"""How a person names sources on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from config.bridges import Bridge as ConfiguredBridge
from config.collector_settings import AmazonAqmSettings
from config.kinds import Backoff
from config.loading import Loaded
from config.settings import Settings
from domain.reading import Quantity
from domain.retry import RetryPolicy
from domain.services.collection_cycle import SourcePlan
from ports.journal import Journal
from ports.meter import Meter
from ports.setup import BridgeFinder
from ports.source import Source
from ports.state import State

if TYPE_CHECKING:
    from adapters.amazon.hosts import Hosts
    from adapters.hue.bridge import BridgeOpener
    from entrypoints.wiring.environment import World


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
    loaded: Loaded, world: World, state: State, meter: Meter, journal: Journal
) -> Sequence[SourcePlan]:
    """A plan for each of the home's bridges."""
    settings = loaded.settings
    if not settings.collectors.hue.enabled:
        return ()
    return [
        SourcePlan(
            source=hue_source(name, bridge, settings, world, state, meter, journal),
            interval_s=settings.hue_interval_s,
            policy=retry_policy(settings.hue_retry),
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
    world: World,
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
        roots=world.hue_roots or SIGNIFY_ROOTS,
        memory=memory,
    )
    return HueSource(
        name=name,
        locator=BridgeLocator(
            connector=connector,
            address=bridge.address or "",
            finder=bridge_finder(world) if hue.auto_discover else None,
            memory=memory,
            clock=world.clock,
            journal=journal,
        ),
        opener=bridge_opener(
            name, bridge.api_key.value if bridge.api_key else "", hue.timeout_seconds, world, meter
        ),
        strategy=hue.read,
        settings=ReadingSettings(
            locations=hue.sensor_locations,
            fall_back_to_name=hue.fallback_to_name,
            battery=hue.collect_battery_level,
            reachability=hue.collect_signal_strength,
            raw_response=hue.collect_raw_response,
        ),
        directory=SensorDirectory(
            state=state, key=f"hue.directory.{bridge.id or bridge.address}", journal=journal
        ),
        clock=world.clock,
        journal=journal,
    )


def bridge_opener(name: str, api_key: str, timeout_s: float, world: World, meter: Meter) -> BridgeOpener:
    """Return what opens bridges as the source of that name."""
    from adapters.hue.bridge import BridgeOpener

    return BridgeOpener(source=name, api_key=api_key, timeout_s=timeout_s, clock=world.clock, meter=meter)


def bridge_finder(world: World) -> BridgeFinder:
    """Return what finds bridges on the home's own network; a simulated home has none."""
    from adapters.hue.discovery import MdnsFinder
    from adapters.memory.source import MemoryBridgeFinder

    if world.bridge_finder is not None:
        return world.bridge_finder
    return MemoryBridgeFinder() if world.is_simulated else MdnsFinder(world.clock)


def amazon_plans(
    loaded: Loaded, world: World, state: State, meter: Meter, journal: Journal
) -> Sequence[SourcePlan]:
    """A plan for the home's Amazon account, where it has one."""
    settings = loaded.settings
    if not settings.collectors.amazon_aqm.enabled:
        return ()
    return (
        SourcePlan(
            source=amazon_source(loaded, world, state, meter, journal),
            interval_s=settings.amazon_aqm_interval_s,
            policy=retry_policy(settings.amazon_aqm_retry),
            plausible=settings.amazon_aqm_plausible,
        ),
    )


def amazon_source(loaded: Loaded, world: World, state: State, meter: Meter, journal: Journal) -> Source:
    """The monitors of the home's account as a source."""
    from adapters.amazon.alexa import Alexa
    from adapters.amazon.authorisation import authoriser_of
    from adapters.amazon.http import AmazonSession
    from adapters.amazon.monitors import Directory
    from adapters.amazon.source import AmazonSource, Keeping

    aqm, secrets = loaded.settings.collectors.amazon_aqm, loaded.secrets.amazon_aqm
    hosts = amazon_hosts(loaded.settings)
    session = AmazonSession(
        source=_AMAZON,
        timeout_s=aqm.request_timeout_s,
        roots=world.amazon_roots,
        clock=world.clock,
        meter=meter,
    )
    authoriser = authoriser_of(
        refresh_token=secrets.refresh_token.value if secrets.refresh_token else None,
        cookies={name: cookie.value for name, cookie in secrets.cookies.items()},
        session=session,
        hosts=hosts,
        state=state,
        clock=world.clock,
    )
    alexa = Alexa(session=session, authoriser=authoriser, alexa_url=hosts.alexa, clock=world.clock)
    return AmazonSource(
        name="amazon",
        alexa=alexa,
        directory=Directory(alexa=alexa, state=state, clock=world.clock, journal=journal),
        keeping=Keeping(
            interval=timedelta(seconds=loaded.settings.amazon_aqm_interval_s),
            locations=aqm.device_locations,
            fallback_location=aqm.fallback_location,
            quantities=_quantities(aqm),
            reachability=aqm.collect_connectivity,
            raw_response=aqm.collect_raw_response,
        ),
        device_serial=aqm.device_serial,
        clock=world.clock,
        journal=journal,
    )


def amazon_hosts(settings: Settings) -> Hosts:
    """Where the account's services answer."""
    from adapters.amazon.hosts import hosts_of

    aqm = settings.collectors.amazon_aqm
    return hosts_of(aqm.domain, alexa=aqm.alexa_url, api=aqm.api_url, www=aqm.www_url)


def _quantities(aqm: AmazonAqmSettings) -> frozenset[Quantity]:
    """What of a monitor is stored."""
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


def retry_policy(backoff: Backoff) -> RetryPolicy:
    """The numbers of a configuration as a policy."""
    return RetryPolicy(attempts=backoff.attempts, base_s=backoff.base_s, multiplier=backoff.multiplier)
