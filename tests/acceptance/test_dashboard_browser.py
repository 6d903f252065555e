"""The dashboard in a real browser: charts, gaps, live values, a lost server, and what a page may not do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.sqlite.store import SqliteStore
from domain.reading import Quantity
from domain.schedule import slot_at
from tests.support.builders import a_collected, a_cycle, a_due, a_failed, a_reading
from tests.support.deployments import Deployment
from tests.support.forked import Piped
from tests.support.proxy import proxied

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

INTERVAL = timedelta(minutes=5)
ROOMS = ("Kitchen", "Hall <b>upstairs</b>")
AIR = {
    quantity: 20.0 + number
    for number, quantity in enumerate(Quantity)
    if quantity is not Quantity.CARBON_DIOXIDE
}
CHARTS = len(AIR)
WHY = "the source could not be reached"
ROOMS_CHART = "[data-quantity=temperature].panel"
WAIT_MS = 15_000


def cycle_at(store: SqliteStore, slot: datetime, *, silent: bool = False) -> None:
    due, of_amazon = a_due(slot=slot), a_due("amazon", slot=slot)
    readings = [
        a_reading(f"hue:{number}", collected_at=slot, location=name, temperature=20.0 + number)
        for number, name in enumerate(ROOMS)
    ]
    bridge = a_failed(due, detail="timed out") if silent else a_collected(*readings, due=due)
    monitor = a_reading("alexa:1", collected_at=slot, location="Monitor", values=AIR)
    store.append(a_cycle(bridge, a_collected(monitor, due=of_amazon)))


@pytest.fixture
def store(deployment: Deployment) -> Iterator[SqliteStore]:
    """The store of two days of a home whose bridge was silent for two hours, and whose monitor was not."""
    clock = SystemClock()
    deployment.database.parent.mkdir()
    store = SqliteStore(deployment.database, journal=MemoryJournal(), clock=clock)
    newest = slot_at(clock.now(), 300) - INTERVAL
    for number in range(12 * 24 * 2, -1, -1):
        cycle_at(store, newest - number * INTERVAL, silent=48 <= number < 72)
    yield store
    store.close()


@contextmanager
def served(deployment: Deployment, port: int = 0) -> Iterator[tuple[str, Piped]]:
    dashboard = deployment.start("dashboard", "--port", str(port))
    try:
        line = dashboard.stdout.readline()
        found = re.search(r"http://[0-9.:]+/", line)
        assert found is not None, line
        yield found.group(), dashboard
    finally:
        dashboard.terminate()
        dashboard.communicate(timeout=50)


@contextmanager
def browsing(width: int = 1320, scheme: str = "light", **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """Give a page, and the list of its errors and of its requests to other places.

    What a page stops asking for when it is left has not failed.
    """
    troubles: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        page.on("console", lambda one: troubles.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "requestfailed",
            lambda one: None if one.failure == "net::ERR_ABORTED" else troubles.append(f"failed: {one.url}"),
        )
        page.on(
            "request",
            lambda one: None if "//127.0.0.1:" in one.url else troubles.append(f"outside: {one.url}"),
        )
        try:
            yield page, troubles
        finally:
            browser.close()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1320, "light"), (1320, "dark"), (500, "light"), (500, "dark"), (360, "light")]
)
def test_page_is_drawn_without_errors(
    deployment: Deployment, store: SqliteStore, width: int, scheme: str
) -> None:
    assert store
    with served(deployment) as (address, _), browsing(width, scheme) as (page, troubles):
        page.goto(address)
        sync_api.expect(page.locator("#charts canvas")).to_have_count(CHARTS)
        sync_api.expect(page.locator(".card h3").first).to_have_text(ROOMS[1])
        sync_api.expect(page.locator("#last-cycle")).to_contain_text("3 of 3 readings")
        for name in ("6 h", "7 d", "30 d", "1 y", "all", "24 h"):
            with page.expect_response(re.compile("/data")):
                range_button(page, name).click()
            sync_api.expect(range_button(page, name)).to_have_attribute("aria-pressed", "true")
            sync_api.expect(page.locator("#charts canvas")).to_have_count(CHARTS)
        page.locator(f"{ROOMS_CHART} .u-over").hover()
        sync_api.expect(page.locator(f"{ROOMS_CHART} .tip")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
        folder = Path("var/screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"dashboard-{scheme}-{width}.png", full_page=True)
        assert troubles == []


def test_a_new_value_does_not_undo_a_range_that_is_on_its_way(
    deployment: Deployment, store: SqliteStore
) -> None:
    held: list[Any] = []
    with served(deployment) as (address, _), browsing() as (page, troubles):
        page.goto(address)
        sync_api.expect(page.locator("#charts canvas")).to_have_count(CHARTS)
        page.route(re.compile("range=7d"), lambda one: one.continue_() if held else held.append(one))
        range_button(page, "7 d").click()
        with page.expect_response(re.compile("/data")):
            cycle_at(store, slot_at(SystemClock().now(), 300))
        sync_api.expect(range_button(page, "7 d")).to_have_attribute("aria-pressed", "true")
        assert troubles == []


def test_report_opens_from_the_disk_without_a_request(deployment: Deployment, store: SqliteStore) -> None:
    assert store
    file = deployment.folder / "report.html"
    assert deployment.run("report", "--output", str(file)).returncode == 0
    with browsing() as (page, troubles):
        page.goto(file.as_uri())
        sync_api.expect(page.locator("#charts canvas")).to_have_count(CHARTS)
        sync_api.expect(page.locator("#gap-list tbody tr")).to_contain_text(WHY)
        assert violations(page) == []
        assert troubles == [f"outside: {file.as_uri()}"], "nothing but the file itself"
        refused = """new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            new Image().src = "http://127.0.0.1:9/";
            setTimeout(() => done("nothing was refused"), 3000);
        })"""
        assert page.evaluate(refused) == "img-src"


def test_gap_is_a_break_with_its_reason(deployment: Deployment, store: SqliteStore) -> None:
    assert store
    with served(deployment) as (address, _), browsing() as (page, troubles):
        page.goto(address)
        sync_api.expect(page.locator("#gap-list tbody tr")).to_have_count(1)
        sync_api.expect(page.locator("#gap-list tbody tr")).to_contain_text(WHY)
        sync_api.expect(page.locator(".legend").filter(has_text=f", Hue bridge: {WHY}")).to_have_count(1)
        box = page.locator(f"{ROOMS_CHART} .u-over").bounding_box()
        # The gap is from 6 to 4 hours before the end of 24 hours.
        page.mouse.move(box["x"] + box["width"] * (24 - 5) / 24, box["y"] + box["height"] / 2)
        sync_api.expect(page.locator(f"{ROOMS_CHART} .reason")).to_contain_text(WHY)
        sync_api.expect(page.locator(f"{ROOMS_CHART} .tip li")).to_have_text(re.compile("Monitor"))
        page.mouse.move(box["x"] + box["width"] * (24 - 2) / 24, box["y"] + box["height"] / 2)
        sync_api.expect(page.locator(f"{ROOMS_CHART} .reason")).to_have_text("")
        sync_api.expect(page.locator(f"{ROOMS_CHART} .tip li")).to_have_count(3)
        assert drawn_at(page, 24 - 2)
        assert not drawn_at(page, 24 - 5)
        with page.expect_response(re.compile("range=custom")):
            page.locator("#gap-list button").click()
        sync_api.expect(page.locator("#span")).to_contain_text(" to ")
        assert troubles == []


def test_period_names_the_second_day_where_it_is_another_one(
    deployment: Deployment, store: SqliteStore
) -> None:
    assert store
    periods = """async () => {
      const { period, state } = await import("/static/base.js");
      const at = (text) => Date.parse(text) / 1000;
      const now = at("2026-11-30T08:00Z");
      Object.assign(state, { content: { ...state.content, zone: "UTC", now }, loadedAt: Date.now() });
      return [["2026-11-30T05:00Z", "2026-11-30T07:10Z"], ["2026-11-27T07:05Z", "2026-11-27T08:10Z"],
        ["2026-11-27T07:05Z", "2026-11-30T07:10Z"], ["2025-12-31T23:00Z", "2026-01-01T01:00Z"]]
        .map(([begin, end]) => period(at(begin), at(end)));
    }"""
    with served(deployment) as (address, _), browsing() as (page, _):
        page.goto(address)
        assert page.evaluate(periods) == [
            "05:00 to 07:10",
            "27 Nov, 07:05 to 08:10",
            "27 Nov, 07:05 to 30 Nov, 07:10",
            "31 Dec 2025, 23:00 to 1 Jan, 01:00",
        ]


@pytest.mark.parametrize("width", [1320, 360])
def test_reason_of_a_gap_is_not_cut_off(deployment: Deployment, store: SqliteStore, width: int) -> None:
    assert store
    with served(deployment) as (address, _), browsing(width) as (page, _):
        page.goto(address)
        sync_api.expect(page.locator("#gap-list tbody tr")).to_have_count(1)
        hidden = page.locator("#gap-list .scroll").evaluate("list => list.scrollWidth - list.clientWidth")
        assert hidden == 0


def test_gap_can_be_reached_with_the_keyboard(deployment: Deployment, store: SqliteStore) -> None:
    assert store
    with served(deployment) as (address, _), browsing() as (page, troubles):
        page.goto(address)
        page.locator(f"{ROOMS_CHART} .plot").focus()
        width = page.locator(f"{ROOMS_CHART} .u-over").bounding_box()["width"]
        for _ in range(round(width * 5 / 24 / 40)):
            page.keyboard.press("Shift+ArrowLeft")
        sync_api.expect(page.locator(f"{ROOMS_CHART} .reason")).to_contain_text(
            "the source could not be reached"
        )
        assert troubles == []


def test_dragging_shows_a_part_and_back_the_whole(deployment: Deployment, store: SqliteStore) -> None:
    assert store
    with served(deployment) as (address, _), browsing() as (page, troubles):
        page.goto(address)
        sync_api.expect(page.locator("#charts canvas")).to_have_count(CHARTS)
        day = range_button(page, "24 h")
        box = page.locator(f"{ROOMS_CHART} .u-over").bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 500, box["y"] + 50, steps=5)
        with page.expect_response(re.compile("range=custom")):
            page.mouse.up()
        sync_api.expect(day).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Back").click()
        sync_api.expect(day).to_have_attribute("aria-pressed", "true")
        sync_api.expect(page.get_by_role("button", name="Back")).to_be_hidden()
        assert troubles == []


def test_page_lives_in_a_folder_of_another_web_server(deployment: Deployment, store: SqliteStore) -> None:
    with (
        served(deployment) as (address, _),
        proxied(address, "climate") as outer,
        browsing() as (page, troubles),
    ):
        page.goto(outer)
        sync_api.expect(page.locator("#connection")).to_have_text("live", timeout=WAIT_MS)
        slot = slot_at(SystemClock().now(), 300)
        reading = a_reading("hue:0", collected_at=slot, location=ROOMS[0], temperature=31.5)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))
        arrived = page.locator(".card .value").filter(has_text="31.5")
        sync_api.expect(arrived).to_have_count(1, timeout=WAIT_MS)
        assert troubles == []


def test_choices_are_remembered_and_times_are_those_of_the_home(
    deployment: Deployment, store: SqliteStore
) -> None:
    """The browser is in another zone than the home."""
    assert store
    with served(deployment) as (address, _), browsing(timezone_id="Pacific/Chatham") as (page, troubles):
        page.goto(address)
        page.get_by_role("button", name="°F").click()
        page.get_by_role("button", name="Dark").click()
        page.reload()
        sync_api.expect(page.locator(".card .value").first).to_have_text("69.8 °F")
        sync_api.expect(page.locator(f"{ROOMS_CHART} h2")).to_have_text("Temperature by room, °F")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 19, 24)"
        newest = (slot_at(SystemClock().now(), 300) - INTERVAL).astimezone()
        sync_api.expect(page.locator("#last-cycle")).to_contain_text(f"last cycle {newest:%H:%M}")
        assert troubles == []


def test_values_arrive_and_a_lost_server_is_noticed(deployment: Deployment, store: SqliteStore) -> None:
    def stored(celsius: float, slot: datetime) -> None:
        reading = a_reading("hue:0", collected_at=slot, location=ROOMS[0], temperature=celsius)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))

    slot = slot_at(SystemClock().now(), 300)
    with browsing() as (page, troubles):
        with served(deployment) as (address, _):
            page.goto(address)
            status = page.locator("#connection")
            sync_api.expect(status).to_have_text("live", timeout=WAIT_MS)
            stored(31.5, slot)
            arrived = page.locator(".card .value").filter(has_text="31.5")
            sync_api.expect(arrived).to_have_count(1, timeout=WAIT_MS)
            assert troubles == []
        sync_api.expect(status).to_contain_text("no answer from the server", timeout=WAIT_MS)
        stored(32.5, slot + timedelta(seconds=1))
        with served(deployment, port=int(address.rstrip("/").rpartition(":")[2])):
            sync_api.expect(status).to_contain_text("live again", timeout=WAIT_MS)
            arrived = page.locator(".card .value").filter(has_text="32.5")
            sync_api.expect(arrived).to_have_count(1, timeout=WAIT_MS)


def range_button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def violations(page: Any) -> list[str]:
    """Return what axe calls serious or critical."""
    results = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in results
        if one["impact"] in ("serious", "critical")
    ]


def drawn_at(page: Any, hour: float) -> bool:
    """Return whether a line of the first series is drawn at that hour of the day that is shown."""
    script = """hour => {
        const canvas = document.querySelector('#charts canvas');
        const over = document.querySelector('#charts .u-over').getBoundingClientRect();
        const box = canvas.getBoundingClientRect();
        const scale = canvas.width / box.width;
        const x = Math.round((over.left - box.left + over.width * hour / 24) * scale);
        const top = Math.round((over.top - box.top) * scale);
        const height = Math.round(over.height * scale);
        const pixels = canvas.getContext('2d').getImageData(x - 2, top, 5, height).data;
        for (let at = 0; at < pixels.length; at += 4) {
            // the first colour of the light theme, #0072b2
            if (pixels[at + 3] > 200 && Math.abs(pixels[at]) < 40 && Math.abs(pixels[at + 1] - 114) < 40
                && Math.abs(pixels[at + 2] - 178) < 40) return true;
        }
        return false;
    }"""
    return bool(page.evaluate(script, hour))
