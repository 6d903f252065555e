// The parts of the page that are not charts: cards, notices, collection health, gaps, footer.

import { CLOCK, DATE, DAY, age, duration, element, instant, isReport, now, settings, shownChange, shown, state, styleOf, svgElement, tableOf, time, unitOf, written } from "./base.js";

const BATTERY_LOW = 20;
const MISSED_CYCLES = 3;

export function drawCards() {
  const { rooms } = state.content;
  const groups = [element("h2", { class: "unseen" }, "Newest values"), cardsOf(rooms, (value) => value.quantity === "temperature", (room) => room.name)];
  for (const room of rooms) {
    const cards = cardsOf([room], (value) => value.quantity !== "temperature", (_, value) => value.title);
    if (cards.children.length) groups.push(element("h2", { class: "monitor" }, dot(room), room.name, freshness(room)), cards);
  }
  if (!rooms.length) groups.push(element("p", {}, "No readings yet. The next cycle brings the first ones."));
  document.getElementById("rooms").replaceChildren(...groups);
}

function cardsOf(rooms, isShown, heading) {
  const cards = rooms.flatMap((room) => room.values.filter(isShown).map((value) => card(room, value, heading(room, value))));
  return element("div", { class: "cards" }, ...cards);
}

function card(room, value, heading) {
  const isRoom = value.quantity === "temperature";
  const isLow = room.battery !== null && room.battery <= BATTERY_LOW;
  const battery = room.battery === null ? null : element("span", { class: isLow ? "warn" : null }, `battery ${room.battery} %`);
  return element(
    "article",
    { class: room.is_stale ? "card stale" : "card", "data-device": room.device, "data-quantity": value.quantity },
    element("h3", {}, element("span", {}, heading), isRoom ? dot(room) : null),
    element("div", { class: "value" }, written(value.quantity, shown(value.quantity, value.value)), " ", element("span", { class: "unit" }, unitOf(value.quantity, value.unit))),
    value.words ? element("p", { class: "words" }, value.words) : null,
    room.is_outdoor && isRoom ? element("p", {}, "outdoors") : null,
    adjusted(room, value),
    room.is_anomalous && isRoom ? element("p", { class: "warn" }, "not plausible") : null,
    room.is_stale ? null : trend(value),
    isRoom ? element("p", { class: "meta" }, freshness(room), battery) : null,
    isRoom && room.is_stale && room.reason ? element("p", {}, room.reason) : null,
  );
}

function adjusted(room, value) {
  const offset = room.offsets[value.quantity];
  if (!offset) return null;
  const text = `adjusted by ${offset > 0 ? "+" : "−"}${written(value.quantity, Math.abs(shownChange(value.quantity, offset)))}`;
  return element("p", { title: "This offset is added to what the device measures." }, text);
}

function freshness(room) {
  if (room.is_stale) return element("span", { class: "warn" }, `silent for ${duration(now() - room.collected)}`);
  return element("span", { class: "age" }, age(now() - room.observed));
}

function trend(value) {
  if (value.change === null) return element("p", {}, "no value an hour ago");
  const change = written(value.quantity, Math.abs(shownChange(value.quantity, value.change)));
  if (Number(change) === 0) return element("p", {}, "steady in 1 h");
  return element("p", {}, `${value.change > 0 ? "▲" : "▼"} ${change} in 1 h`);
}

function dot(room) {
  const circle = svgElement("circle", { cx: 5, cy: 5, r: 4.5, class: styleOf(room.device).name });
  return svgElement("svg", { viewBox: "0 0 10 10", class: "dot", "aria-hidden": "true" }, circle);
}

export function drawNotices() {
  const { incidents, last_cycle: last, interval } = state.content;
  const notices = incidents.map((one) => element("li", { class: "bad", title: one.detail }, `${one.text}, for ${duration(now() - one.since)}`));
  if (last) {
    const isOld = now() - last.slot > MISSED_CYCLES * interval;
    const kind = isOld ? "bad" : last.readings >= last.expected ? "good" : "part";
    const took = last.seconds === null ? "" : `, ${last.seconds.toFixed(1)} s`;
    const format = now() - last.slot > 86_400 ? { ...DAY, ...CLOCK } : last.slot % 60 ? { ...CLOCK, second: "2-digit" } : CLOCK;
    const readings = `${last.readings} of ${last.expected} readings`;
    notices.push(element("li", { class: kind, id: "last-cycle" }, `last cycle ${time(last.slot, format)}, ${readings}${took}`));
  }
  document.getElementById("notices").replaceChildren(...notices);
}

const QUARTERS = [0, 0.25, 0.5, 0.75];

export function drawHealth() {
  const { strips, span, incidents } = state.content;
  document.getElementById("health").hidden = !strips.length;
  const length = span.until - span.since;
  const count = strips[0]?.cells.length ?? 1;
  document.getElementById("cell").textContent = duration(length / count);
  const format = length > 8 * 86_400 ? DAY : length > 86_400 ? { ...DAY, ...CLOCK } : CLOCK;
  const last = now() - span.until < 60 ? "now" : instant(span.until);
  const times = element("span", { class: "times" }, ...QUARTERS.map((part) => element("span", {}, time(span.since + part * length, format))), element("span", {}, last));
  document.getElementById("strips").replaceChildren(...strips.map(strip), element("div", { class: "strip", "aria-hidden": "true" }, element("span"), times, element("span")));
  const lines = incidents.map((one) => element("li", {}, `${one.text}, since ${instant(one.since)}${one.detail ? ` (${one.detail})` : ""}`));
  document.getElementById("incidents").replaceChildren(...(lines.length ? lines : [element("li", {}, "None.")]));
}

function strip(one) {
  // Also told apart by height: not everybody sees the colours.
  const cells = one.cells.flatMap((cell, number) => {
    if (cell === null) return [];
    const kind = cell >= 1 ? "good" : cell > 0 ? "part" : one.is_source ? "bad" : "none";
    const height = { good: 10, part: 7, bad: 10, none: 3 }[kind];
    return [svgElement("rect", { x: number + 0.06, y: 10 - height, width: 0.88, height, class: kind })];
  });
  const percent = one.share === null ? "" : `${(100 * one.share).toFixed(1)} %`;
  const label = `${one.name}: ${percent || "none"} of the expected readings`;
  const drawing = svgElement("svg", { viewBox: `0 0 ${one.cells.length} 10`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...cells);
  return element("div", { class: one.is_source ? "strip source" : "strip" }, element("span", { class: "name" }, one.name), drawing, element("span", { class: "percent" }, percent));
}

// The list keeps its place and its focus as long as nothing in it changes.
let drawnGaps = null;

export function drawGaps(showSpan) {
  const { gaps } = state.content;
  const key = JSON.stringify(gaps);
  if (key === drawnGaps) return;
  drawnGaps = key;
  const place = document.getElementById("gap-list");
  if (!gaps.length) {
    place.replaceChildren(element("p", {}, "None in this range."));
    return;
  }
  const rows = [...gaps].reverse().map((gap) => {
    const from = isReport ? instant(gap.begin) : element("button", { type: "button", class: "link", title: "Show it" }, instant(gap.begin));
    if (!isReport) from.addEventListener("click", () => showSpan(2 * gap.begin - gap.end, 2 * gap.end - gap.begin));
    const isNew = gap.detail && gap.detail !== gap.subject;
    const cells = [gap.subject, from, instant(gap.end, gap.begin), duration(gap.end - gap.begin), isNew ? `${gap.reason} (${gap.detail})` : gap.reason];
    return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
  });
  const table = tableOf(["What", "From", "To", "Length", "Why"], rows);
  place.replaceChildren(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Gaps" }, table));
}

export function drawFooter() {
  const { database } = state.content;
  const lines = [
    `${database.name} ${(database.bytes / 1e6).toFixed(1)} MB${database.since ? `, readings since ${time(database.since, DATE)}` : ""}`,
    database.backup ? `last backup ${instant(database.backup)}` : "no backup yet",
    element("span", {}, "as CSV or Parquet: the command ", element("code", {}, "export")),
    `times of ${state.content.zone}`,
    `homeclimate ${database.version}, no data leaves this machine`,
  ];
  document.getElementById("footer").replaceChildren(...lines.map((line) => element("span", {}, line)));
}

export function drawSettings() {
  for (const name of ["theme", "unit"]) {
    for (const button of document.querySelectorAll(`[data-${name}-choice]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[`${name}Choice`] === settings[name]));
    }
  }
}
