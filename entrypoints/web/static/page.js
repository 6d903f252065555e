// The page: cards, charts, gaps and collection health, drawn from the JSON that the server or the file gives.

import { drawChart } from "./chart.js";

const LOST_AFTER_MS = 40_000;
const SVG = "http://www.w3.org/2000/svg";
const inline = document.documentElement.dataset.inline === "true";
let content = JSON.parse(document.getElementById("content").textContent);
let plots = [];

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export function time(seconds, options = { dateStyle: "short", timeStyle: "short" }) {
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone() }).format(new Date(seconds * 1000));
}

export function zone() {
  try {
    new Intl.DateTimeFormat(undefined, { timeZone: content.zone });
    return content.zone;
  } catch {
    return undefined;
  }
}

function age(seconds) {
  const minutes = Math.max(0, Math.floor(seconds / 60));
  if (minutes < 1) return "now";
  if (minutes < 120) return `${minutes} min ago`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} d ago`;
}

function digits(value) {
  return { temperature: 1, pm25: 0, pm10: 0, relative_humidity: 0, carbon_monoxide: 1 }[value.quantity] ?? 0;
}

function card(room, value) {
  const trend = value.change === null ? "" : `${value.change > 0 ? "▲" : value.change < 0 ? "▼" : "="} ${Math.abs(value.change).toFixed(1)} in 1 h`;
  const warnings = [
    room.is_stale ? `no reading for ${age(content.now - room.observed).replace(" ago", "")}` : null,
    room.battery !== null && room.battery <= 20 ? `battery ${room.battery} %` : null,
  ].filter(Boolean);
  return element(
    "article",
    { class: room.is_stale ? "card stale" : "card" },
    element("h3", {}, value.quantity === "temperature" ? room.name : `${value.title}, ${room.name}`),
    element("div", { class: "value" }, value.value.toFixed(digits(value)), " ", element("span", { class: "unit" }, value.unit)),
    element("p", {}, value.words ?? trend),
    element("p", {}, warnings.length ? element("span", { class: "warn" }, warnings.join(", ")) : age(content.now - room.observed)),
  );
}

function drawRooms() {
  const rooms = document.getElementById("rooms");
  rooms.replaceChildren(...content.rooms.flatMap((room) => room.values.map((value) => card(room, value))));
}

function drawStrips() {
  const rows = content.strips.map((strip) => {
    const share = strip.cells.reduce((sum, cell) => sum + cell, 0) / strip.cells.length;
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${strip.cells.length} 8`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", `${strip.name}: ${(100 * share).toFixed(1)} percent of the expected readings`);
    strip.cells.forEach((cell, number) => {
      const rectangle = document.createElementNS(SVG, "rect");
      for (const [key, value] of Object.entries({ x: number + 0.05, y: 0, width: 0.9, height: 8 })) rectangle.setAttribute(key, value);
      rectangle.setAttribute("fill", `var(--${cell >= 1 ? "good" : cell > 0 ? "part" : strip.is_source ? "bad" : "none"})`);
      drawing.append(rectangle);
    });
    return element("div", { class: "strip" }, element("span", {}, strip.name), drawing, element("span", {}, `${(100 * share).toFixed(1)} %`));
  });
  document.getElementById("strips").replaceChildren(...rows);
}

function drawGaps() {
  const place = document.getElementById("gap-list");
  if (!content.gaps.length) {
    place.replaceChildren(element("p", {}, "None in this range."));
    return;
  }
  const rows = content.gaps.map((gap) =>
    element(
      "tr",
      {},
      element("td", {}, gap.subject),
      element("td", {}, time(gap.begin)),
      element("td", {}, time(gap.end)),
      element("td", { title: gap.detail }, gap.reason),
    ),
  );
  const heads = ["What", "From", "To", "Why"].map((head) => element("th", { scope: "col" }, head));
  place.replaceChildren(
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Gaps" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows))),
  );
}

function drawCharts() {
  for (const plot of plots) plot.destroy();
  const place = document.getElementById("charts");
  place.replaceChildren();
  plots = content.charts.map((chart, number) => drawChart(place, chart, content, { wide: number === 0, onDrag: inline ? null : showSpan }));
}

function draw() {
  drawRooms();
  drawCharts();
  drawStrips();
  drawGaps();
  for (const button of document.querySelectorAll("[data-range]")) button.setAttribute("aria-pressed", String(button.dataset.range === content.range));
  document.getElementById("footer").textContent = Object.values(content.database).join(" · ");
  const notices = document.getElementById("notices");
  notices.replaceChildren(...content.incidents.map((line) => element("li", { class: "bad" }, line)));
}

async function load(query) {
  const reply = await fetch(`data?${new URLSearchParams(query)}`);
  if (!reply.ok) throw new Error(await reply.text());
  content = await reply.json();
  content.query = query;
  draw();
}

function showSpan(since, until) {
  load({ range: "custom", since, until }).catch(showTrouble);
}

function showTrouble(error) {
  const status = document.getElementById("connection");
  status.textContent = error.message;
  status.classList.add("lost");
}

function follow() {
  const status = document.getElementById("connection");
  let heard = Date.now();
  const events = new EventSource("events");
  const alive = () => {
    heard = Date.now();
    status.textContent = `live, ${time(heard / 1000, { timeStyle: "medium" })}`;
    status.classList.remove("lost");
  };
  const lost = () => {
    status.textContent = "The server does not answer; these values are old.";
    status.classList.add("lost");
  };
  events.addEventListener("alive", alive);
  events.addEventListener("stored", () => {
    alive();
    load(content.query ?? { range: content.range }).catch(showTrouble);
  });
  events.addEventListener("error", lost);
  setInterval(() => Date.now() - heard > LOST_AFTER_MS && lost(), 5_000);
}

draw();
addEventListener("resize", () => plots.forEach((plot) => plot.fit()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (!inline) {
  for (const button of document.querySelectorAll("[data-range]")) {
    button.addEventListener("click", () => load({ range: button.dataset.range }).catch(showTrouble));
  }
  follow();
}
