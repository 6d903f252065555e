"""Build the sources of a home. What imports an HTTP client is imported when it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import attrs

from adapters.memory.source import MemoryBridgeFinder
from adapters.runtime.threads import SingleThread
from config.bridges import Bridge
from config.secrets import Secrets
from config.settings import Settings
from config.source_names import AMAZON, credential_mark, hue_names
from domain.errors import StoreError
from domain.services.collection_cycle import SourcePlan
from domain.services.renewed_source import RenewedSource
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home
from ports.meter import Meter
from ports.setup import BridgeFinder
from ports.source import Source

_EARLIER_LOCATIONS = "locations.earlier"  # the key in the state
_SECRETS_S = 1.0  # for secrets.yaml to be looked at

if TYPE_CHECKING:
    from adapters.amazon.hosts import Hosts
    from adapters.amazon.http import AmazonSession
    from adapters.hue.bridge import BridgeOpener
    from adapters.hue.connecting import EarlierReads


def source_plans(home: Home, meter: Meter) -> list[SourcePlan]:
    """Return a plan for each enabled source, which is built again when its credentials have changed."""
    settings = home.settings
    plans: list[SourcePlan] = []
    if settings.collectors.hue.enabled:
        plans += [
            SourcePlan(
                source=_renewed(home, name, partial(_hue_source, name=name, meter=meter)),
                interval_s=settings.hue_interval_s,
                policy=settings.hue_retry,
                plausible=settings.hue_plausible,
            )
            for name in hue_names(home.loaded)
        ]
    if settings.collectors.amazon_aqm.enabled:
        plans.append(
            SourcePlan(
                source=_renewed(home, AMAZON, partial(amazon_source, meter=meter)),
                interval_s=settings.amazon_aqm_interval_s,
                policy=settings.amazon_aqm_retry,
                plausible=settings.amazon_aqm_plausible,
            )
        )
    return plans


def _renewed(home: Home, name: str, build: Callable[[Home], Source]) -> Source:
    current = home.current
    reading = SingleThread(f"read the secrets for {name}", home.clock)

    async def credential() -> str | None:
        try:
            return await reading.run(lambda: credential_mark(current.loaded(), name), _SECRETS_S)
        except TimeoutError:  # a disk that hangs
            return None

    return RenewedSource(
        build=lambda: build(attrs.evolve(home, loaded=current.known)),
        credential=credential,
        built_with=credential_mark(home.loaded, name),
    )


def _hue_source(home: Home, *, name: str, meter: Meter) -> Source:
    bridges = dict(zip(hue_names(home.loaded), home.loaded.bridges, strict=True))
    return hue_source(home, name, bridges[name], meter)


def hue_source(home: Home, name: str, bridge: Bridge, meter: Meter, *, is_on_trial: bool = False) -> Source:
    """Return a bridge as a source; on trial it is neither searched nor read without HTTPS as before."""
    from adapters.hue.connecting import BridgeConnector, BridgeMemory
    from adapters.hue.locating import BridgeLocator
    from adapters.hue.sensor_directory import SensorDirectory
    from adapters.hue.sensors import ReadingSettings
    from adapters.hue.source import HueSource
    from adapters.hue.tls import SIGNIFY_ROOTS

    hue = home.settings.collectors.hue
    memory = BridgeMemory(home.state)
    return HueSource(
        name=name,
        locator=BridgeLocator(
            connector=BridgeConnector(
                bridge_id=bridge.id,
                certificate_sha256=bridge.certificate_sha256,
                roots=home.environment.hue_roots or SIGNIFY_ROOTS,
                memory=memory,
                earlier=None if is_on_trial else earlier_reads(home, name),
            ),
            address=bridge.address or "",
            finder=bridge_finder(home.environment) if hue.auto_discover and not is_on_trial else None,
            memory=memory,
            clock=home.clock,
            journal=home.journal,
        ),
        opener=bridge_opener(
            name,
            bridge.api_key.value if bridge.api_key else "",
            timeout_s=hue.timeout_seconds,
            environment=home.environment,
            meter=meter,
        ),
        strategy=hue.read,
        settings=ReadingSettings(
            locations=hue.sensor_locations,
            earlier=earlier_locations(home),
            fall_back_to_name=hue.fallback_to_name,
            unnamed=home.settings.collectors.general.location_of_unnamed,
            battery=hue.collect_battery_level,
            reachability=hue.collect_signal_strength,
            raw_response=hue.collect_raw_response,
        ),
        directory=SensorDirectory(
            state=home.state, key=f"hue.directory.{bridge.id or bridge.address}", journal=home.journal
        ),
        clock=home.clock,
        journal=home.journal,
    )


def earlier_reads(home: Home, name: str) -> EarlierReads:
    """Return the stored reads of the source of that name."""
    from adapters.hue.connecting import EarlierReads
    from adapters.sqlite.history.queries import SqliteMeasurements

    measurements = SqliteMeasurements(home.files.database)
    return EarlierReads(source=name, measurements=measurements, clock=home.clock)


def earlier_locations(home: Home) -> Mapping[str, str]:
    """Return the locations that devices have in rows from before this program, by id in lower case.

    What the home has saved counts too: the database may be away, or an interim one.
    """
    from adapters.sqlite.history.earlier import earlier_locations

    saved = {
        device_id: location
        for device_id, location in home.state.get(_EARLIER_LOCATIONS).items()
        if isinstance(location, str)
    }
    with suppress(StoreError):  # the store says why
        known = {**saved, **earlier_locations(home.files.database)}
        if known != saved:
            home.state.put(_EARLIER_LOCATIONS, known)
        return known
    return saved


def bridge_opener(
    name: str, api_key: str, *, timeout_s: float, environment: Environment, meter: Meter
) -> BridgeOpener:
    """Return what opens bridges as the source of that name."""
    from adapters.hue.bridge import BridgeOpener
    from adapters.hue.tls import fetch_leaf

    return BridgeOpener(
        source=name,
        api_key=api_key,
        timeout_s=timeout_s,
        clock=environment.clock,
        meter=meter,
        open_pool=environment.open_hue_pool,
        fetch_leaf=environment.fetch_hue_leaf or fetch_leaf,
    )


def bridge_finder(environment: Environment, *, by_cloud: bool = False) -> BridgeFinder:
    """Return what finds bridges: Signify's server, or mDNS on the home's own network."""
    from adapters.hue.discovery import CLOUD, CloudFinder, MdnsFinder

    if by_cloud:
        return CloudFinder(url=environment.bridge_cloud or CLOUD, clock=environment.clock)
    if environment.bridge_finder is not None:
        return environment.bridge_finder
    return MemoryBridgeFinder() if environment.is_simulated else MdnsFinder(environment.clock)


def amazon_source(home: Home, meter: Meter, *, is_trial: bool = False) -> Source:
    """Return the monitors of the home's account as a source; in a trial a person has just given the token."""
    from adapters.amazon.alexa import Alexa
    from adapters.amazon.authorisation import authoriser_of
    from adapters.amazon.monitors import MonitorDirectory
    from adapters.amazon.second_interface import SecondInterface
    from adapters.amazon.source import AmazonSource, MonitorSettings
    from adapters.amazon.thermostats import Thermostats, ThermostatSettings

    aqm = home.settings.collectors.amazon_aqm
    earlier = earlier_locations(home)
    refresh_token, cookies = amazon_credentials(home.secrets)
    hosts = amazon_hosts(home.settings)
    session = amazon_session(
        AMAZON, timeout_s=aqm.request_timeout_s, environment=home.environment, meter=meter
    )
    authoriser = authoriser_of(
        refresh_token=refresh_token,
        problem=token.problem if (token := home.secrets.amazon_aqm.refresh_token) else "",
        is_trial=is_trial,
        cookies=cookies,
        session=session,
        hosts=hosts,
        state=home.state,
        clock=home.clock,
    )
    alexa = Alexa(session=session, authoriser=authoriser, alexa_url=hosts.alexa, clock=home.clock)
    return AmazonSource(
        name=AMAZON,
        alexa=alexa,
        directory=MonitorDirectory(alexa=alexa, state=home.state, clock=home.clock, journal=home.journal),
        second=SecondInterface(alexa=alexa, state=home.state, clock=home.clock, journal=home.journal),
        thermostats=Thermostats(
            alexa=alexa,
            settings=ThermostatSettings(
                locations=aqm.device_locations,
                earlier=earlier,
                unnamed=home.settings.collectors.general.location_of_unnamed,
                raw_response=aqm.collect_raw_response,
            ),
            state=home.state,
            clock=home.clock,
            journal=home.journal,
        )
        if _reads_thermostats(home, earlier)
        else None,
        settings=MonitorSettings(
            locations=aqm.device_locations,
            earlier=earlier,
            fallback_location=aqm.fallback_location,
            unnamed=home.settings.collectors.general.location_of_unnamed,
            quantities=aqm.quantities,
            reachability=aqm.collect_connectivity,
            raw_response=aqm.collect_raw_response,
        ),
        device_serial=aqm.device_serial,
        clock=home.clock,
        journal=home.journal,
    )


def _reads_thermostats(home: Home, earlier: Mapping[str, str]) -> bool:
    from adapters.sqlite.history.earlier import has_thermostats

    wanted = home.settings.collectors.amazon_aqm.collect_nest
    if wanted != "auto":
        return wanted
    if any(device_id.startswith("nest:") for device_id in earlier):  # an interim database has none yet
        return True
    try:
        return has_thermostats(home.files.database)
    except StoreError:
        return False


def amazon_credentials(secrets: Secrets) -> tuple[str | None, Mapping[str, str]]:
    """Return the refresh token and the cookies of the account, as the home has them."""
    aqm = secrets.amazon_aqm
    cookies = {name: cookie.value for name, cookie in aqm.cookies.items()}
    return aqm.refresh_token.value if aqm.refresh_token else None, cookies


def ask_again(home: Home) -> None:
    """Have the account asked now, even if it has just refused: a person waits for it."""
    from adapters.amazon.account_memory import ask_again

    ask_again(home.state)


def amazon_session(name: str, *, timeout_s: float, environment: Environment, meter: Meter) -> AmazonSession:
    """Return a session with the account's services, as the source of that name."""
    from adapters.amazon.http import AmazonSession

    return AmazonSession(
        source=name,
        timeout_s=timeout_s,
        roots=environment.amazon_roots,
        clock=environment.clock,
        meter=meter,
        open_connector=environment.open_amazon_connector,
    )


def amazon_hosts(settings: Settings) -> Hosts:
    """Return the URLs of the account's services."""
    from adapters.amazon.hosts import hosts_of

    aqm = settings.collectors.amazon_aqm
    return hosts_of(aqm.domain, alexa=aqm.alexa_url, api=aqm.api_url, www=aqm.www_url)
