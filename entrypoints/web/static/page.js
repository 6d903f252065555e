// The page: draws its content, changes the range, and follows the server.

import { applyTheme, isReport, now, period, settings, state, time, CLOCK, DATE } from "./base.js";
import { drawCharts, fitCharts, redrawCharts } from "./charts.js";
import { drawCards, drawFooter, drawGaps, drawHealth, drawNotices, drawSettings } from "./panels.js";

const LOST_AFTER_MS = 40_000; // the server sends something every 14 s
const TRY_AGAIN_MS = 5_000;
const TICK_MS = 20_000;

let query = { ...Object.fromEntries(new URLSearchParams(isReport ? "" : location.search)), range: state.content.range };
let asked = query; // the one that is on its way, or else that of the page
let before = []; // queries to go back to
let loads = 0;
let abort = new AbortController();

function draw() {
  drawSettings();
  drawNotices();
  drawCards();
  drawCharts(showSpan);
  if (!state.content.is_partial) {
    drawHealth();
    drawGaps(showSpan);
  }
  drawFooter();
  for (const button of document.querySelectorAll("[data-range]")) button.setAttribute("aria-pressed", String(button.dataset.range === query.range));
  const { since, until } = state.content.span;
  const isChosen = isReport || query.range === "custom";
  document.getElementById("span").textContent = isChosen ? period(since, until) : "";
  const back = document.getElementById("back");
  if (back) back.hidden = !before.length;
}

async function load(wanted) {
  const number = (loads += 1);
  abort.abort(); // what is no longer wanted need not be made
  abort = new AbortController();
  asked = wanted;
  document.querySelector("main").setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(`data?${new URLSearchParams(wanted)}`, { signal: abort.signal });
    if (!reply.ok) throw new Error((await reply.text()).trim());
    const content = await read(reply, (newest) => number === loads && showNewest(newest));
    if (number !== loads) return; // a later one is on its way
    Object.assign(state, { content, loadedAt: Date.now() });
    query = wanted;
    draw();
  } catch (error) {
    if (number !== loads) return;
    asked = query;
    throw error;
  } finally {
    if (number === loads) document.querySelector("main").removeAttribute("aria-busy");
  }
}

// Reads the content while it is sent; its first line are the newest values.
async function read(reply, onNewest) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let isFirst = true; ; ) {
    const { done, value } = await reader.read();
    if (done) return JSON.parse(text);
    text += value;
    const end = isFirst ? text.indexOf("\n") : -1;
    if (end < 0) continue;
    isFirst = false;
    onNewest(JSON.parse(`${text.slice(0, end)}}`));
  }
}

// The charts stay as they are until theirs have come.
function showNewest({ now, rooms, incidents, last_cycle }) {
  Object.assign(state, { content: { ...state.content, now, rooms, incidents, last_cycle }, loadedAt: Date.now() });
  drawNotices();
  drawCards();
}

function refresh() {
  return load(asked).catch(showTrouble);
}

function go(wanted) {
  const present = query;
  history.replaceState(null, "", `?${new URLSearchParams(wanted)}`);
  return load(wanted)
    .then(() => {
      // A range by its button begins anew; a part of it can be left again.
      before = wanted.range === "custom" ? [...before, present] : [];
      draw();
    })
    .catch(showTrouble);
}

function showSpan(since, until) {
  go({ range: "custom", since: Math.floor(since), until: Math.ceil(Math.max(until, since + 60)) });
}

async function goBack() {
  const last = before.pop();
  if (!last) return;
  const rest = before;
  await go(last);
  before = rest;
  draw();
}

function move(part) {
  const { since, until } = state.content.span;
  const half = (until - since) / 2;
  if (part === "closer") showSpan(since + half / 2, until - half / 2);
  else {
    const by = part === "earlier" ? -half : Math.min(half, now() - until);
    showSpan(since + by, until + by);
  }
}

function showTrouble(error) {
  setConnection("lost", [TypeError, SyntaxError].some((kind) => error instanceof kind) ? "the server does not answer; these values are old" : error.message);
}

function setConnection(kind, text) {
  const status = document.getElementById("connection");
  if (status.textContent === text) return;
  status.className = `connection ${kind}`;
  status.textContent = text;
}

// Reads the server's events. The browser connects again by itself, unless it was refused.
function follow() {
  let heard = Date.now();
  let lostAt = null;
  let events;
  const lost = () => {
    lostAt ??= heard;
    setConnection("lost", `no answer from the server since ${time(lostAt / 1000, CLOCK)}; these values are old, and it is tried again`);
  };
  const connect = () => {
    events = new EventSource("events");
    events.addEventListener("newest", (event) => {
      heard = Date.now();
      setConnection("live", lostAt === null ? "live" : `live again, after ${time(lostAt / 1000, CLOCK)} to ${time(heard / 1000, CLOCK)} without the server`);
      if (Number(event.data) !== state.content.newest_id) refresh();
    });
    events.addEventListener("error", () => {
      lost();
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, TRY_AGAIN_MS);
    });
  };
  connect();
  setInterval(() => Date.now() - heard > LOST_AFTER_MS && lost(), TRY_AGAIN_MS);
}

// Ages grow without new values; what becomes stale is asked for with its reason.
function tick() {
  const isNewlyStale = state.content.rooms.some((room) => !room.is_stale && room.stale_at < now());
  if (isNewlyStale && Date.now() - state.loadedAt > TICK_MS) refresh();
  else {
    drawCards();
    drawNotices();
  }
}

function choose(name, button) {
  settings.set(name, button.dataset[`${name}Choice`]);
  applyTheme();
  drawSettings();
  drawCards();
  redrawCharts(showSpan);
}

applyTheme();
draw();
for (const name of ["theme", "unit"]) {
  for (const button of document.querySelectorAll(`[data-${name}-choice]`)) button.addEventListener("click", () => choose(name, button));
}
addEventListener("resize", fitCharts);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redrawCharts(showSpan));
if (isReport) {
  setConnection("", `as of ${time(state.content.now, { ...DATE, ...CLOCK })}`);
} else {
  addEventListener("range-back", goBack);
  document.getElementById("back").addEventListener("click", goBack);
  for (const button of document.querySelectorAll("[data-range]")) button.addEventListener("click", () => go({ range: button.dataset.range }));
  for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", () => move(button.dataset.move));
  setInterval(tick, TICK_MS);
  if (state.content.is_partial) refresh();
  follow();
}
