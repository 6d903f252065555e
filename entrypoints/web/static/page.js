// The page: cards, charts, gaps and collection health, drawn from the JSON that the server or the file gives.

const LOST_AFTER_MS = 40_000;
const inline = document.documentElement.dataset.inline === "true";
let content = JSON.parse(document.getElementById("content").textContent);
let plots = [];

const uPlot = window.uPlot;
const HEIGHT = 260;
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

// The drawing comes from numbers and names of this file only: never put a text from outside into it.
function svg(width, height, drawing, attributes) {
  const holder = document.createElement("div");
  holder.innerHTML = `<svg viewBox="0 0 ${width} ${height}">${drawing}</svg>`;
  for (const [key, value] of Object.entries(attributes)) holder.firstChild.setAttribute(key, value);
  return holder.firstChild;
}

function time(seconds, options = { dateStyle: "short", timeStyle: "short" }) {
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone() }).format(new Date(seconds * 1000));
}

function zone() {
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

function card(room, value, heading) {
  const trend = value.change === null ? "" : `${value.change > 0 ? "▲" : value.change < 0 ? "▼" : "="} ${Math.abs(value.change).toFixed(1)} in 1 h`;
  const warnings = [
    room.is_stale ? `no reading for ${age(content.now - room.observed).replace(" ago", "")}` : null,
    room.battery !== null && room.battery <= 20 ? `battery ${room.battery} %` : null,
  ].filter(Boolean);
  const offset = room.offsets?.[value.quantity];
  return element(
    "article",
    { class: room.is_stale ? "card stale" : "card" },
    element("h3", {}, heading),
    element("div", { class: "value" }, value.value.toFixed(digits(value)), " ", element("span", { class: "unit" }, value.unit)),
    element("p", {}, value.words || trend),
    offset ? element("p", { title: "This offset is added to what the device measures." }, `adjusted by ${offset > 0 ? "+" : ""}${offset}`) : null,
    element("p", {}, warnings.length ? element("span", { class: "warn" }, warnings.join(", ")) : age(content.now - room.observed)),
  );
}

function drawRooms() {
  const cards = (isShown, heading) =>
    content.rooms.flatMap((room) => room.values.filter(isShown).map((value) => card(room, value, heading(room, value))));
  const groups = [element("div", { class: "cards" }, ...cards((value) => value.quantity === "temperature", (room) => room.name))];
  for (const room of content.rooms) {
    const values = room.values.filter((value) => value.quantity !== "temperature");
    if (!values.length) continue;
    groups.push(
      element("h2", {}, `Air: ${room.name}`),
      element("div", { class: "cards" }, ...values.map((value) => card(room, value, value.title))),
    );
  }
  document.getElementById("rooms").replaceChildren(...groups);
}

function drawStrips() {
  const rows = content.strips.map((strip) => {
    const expected = strip.cells.filter((cell) => cell !== null);
    const share = expected.reduce((sum, cell) => sum + cell, 0) / Math.max(1, expected.length);
    const cells = strip.cells.map((cell, number) => {
      if (cell === null) return "";
      const kind = cell >= 1 ? "good" : cell > 0 ? "part" : strip.is_source ? "bad" : "none";
      return `<rect x="${number + 0.05}" y="0" width="0.9" height="8" fill="var(--${kind})"/>`;
    });
    const label = `${strip.name}: ${(100 * share).toFixed(1)} percent of the expected readings`;
    const drawing = svg(strip.cells.length, 8, cells.join(""), { preserveAspectRatio: "none", role: "img", "aria-label": label });
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
  document.getElementById("footer").textContent = `${content.database.name}: ${(content.database.bytes / 1e6).toFixed(1)} MB · no data leaves this machine`;
  const notices = document.getElementById("notices");
  notices.replaceChildren(...content.incidents.map((line) => element("li", { class: "bad" }, line.text)));
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

function colour(number) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--series-${number % 7}`).trim();
}

function plain(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function timesOf(number) {
  let at = 0;
  return content.times[number].map((step) => (at += step));
}

function joined(chart, hasEnvelope) {
  const tables = chart.series.map((one) => [timesOf(one.times), one.means, ...(hasEnvelope ? [one.lows, one.highs] : [])]);
  const retain = tables.map((table) => table.map(() => 1));
  return uPlot.join(tables, retain);
}

function gapsOf(chart, content) {
  const devices = new Set(chart.series.map((one) => one.device));
  const subjects = new Set(chart.series.map((one) => content.sources?.[one.device]).filter(Boolean));
  return content.gaps.filter((gap) => (gap.device ? devices.has(gap.device) : !subjects.size || subjects.has(gap.source)));
}

function shade(chart, content, gaps) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = plain("--none");
    ctx.globalAlpha = 0.35;
    for (const gap of gaps.filter((one) => !one.device)) {
      const left = plot.valToPos(gap.begin, "x", true);
      ctx.fillRect(left, bbox.top, Math.max(1, plot.valToPos(gap.end, "x", true) - left), bbox.height);
    }
    ctx.globalAlpha = 1;
    if (chart.guideline) {
      const y = plot.valToPos(chart.guideline, "y", true);
      ctx.strokeStyle = plain("--accent");
      ctx.setLineDash([6, 4]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  };
}

function notes(chart, content) {
  const words = [];
  if (content.resolution !== "reading") words.push(`lowest, mean and highest of each ${content.resolution}`);
  if (chart.limits.length) {
    words.push(`classes of the US EPA (2024) for the 24-hour mean: ${chart.limits.map(([limit, name]) => `${name} to ${limit}`).join(", ")}`);
    words.push(`dashed: WHO guideline (2021) for the 24-hour mean, ${chart.guideline}`);
  }
  if (chart.quantity === "voc_index") words.push("the monitor's own index, without a unit; lower is better");
  if (chart.quantity === "iaq_score") words.push("the monitor's own score, without a unit; higher is better");
  return words.join("; ");
}

function legend(chart) {
  const items = chart.series.map((one, number) => {
    const dash = DASHES[Math.floor(number / 7) % 4].join(" ");
    const drawn = `<line x1="0" y1="4" x2="22" y2="4" stroke="${colour(number)}" stroke-width="2.5" stroke-dasharray="${dash}"/>`;
    const line = svg(22, 8, drawn, { width: 22, height: 8, "aria-hidden": "true" });
    return element("li", {}, line, one.name);
  });
  return element("ul", { class: "legend" }, ...items);
}

function table(chart) {
  const rows = chart.series.map((one) => {
    const values = one.means.filter((value) => value !== null);
    const lows = one.lows?.filter((value) => value !== null) ?? values;
    const highs = one.highs?.filter((value) => value !== null) ?? values;
    const cells = values.length
      ? [Math.min(...lows), values.reduce((sum, value) => sum + value, 0) / values.length, Math.max(...highs), values.at(-1)].map((value) => value.toFixed(1))
      : ["", "", "", ""];
    return element("tr", {}, element("th", { scope: "row" }, one.name), ...cells.map((cell) => element("td", {}, cell)));
  });
  const heads = ["", "Lowest", "Mean", "Highest", "Newest"].map((head) => element("th", { scope: "col" }, head));
  return element("details", {}, element("summary", {}, "As a table"), element("div", { class: "scroll", tabindex: "0" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows))));
}

function drawChart(place, chart, content, { wide, onDrag }) {
  const hasEnvelope = content.resolution !== "reading";
  const gaps = gapsOf(chart, content);
  const plotPlace = element("div", { class: "plot" });
  const reason = element("p", { class: "note reason", role: "status" });
  const title = chart.unit ? `${chart.title}, ${chart.unit}` : chart.title;
  const panel = element("section", { class: wide ? "panel wide" : "panel", "data-quantity": chart.quantity }, element("h2", {}, title), element("p", { class: "note" }, notes(chart, content)), legend(chart), plotPlace, reason, table(chart));
  place.append(panel);

  const series = [{}];
  const bands = [];
  chart.series.forEach((one, number) => {
    const stroke = colour(number);
    const dash = DASHES[Math.floor(number / 7) % 4];
    series.push({ label: one.name, stroke, width: 2, dash, spanGaps: false, points: { show: false } });
    if (hasEnvelope) {
      series.push({ label: `${one.name}, lowest`, stroke: `${stroke}55`, width: 1, points: { show: false } });
      series.push({ label: `${one.name}, highest`, stroke: `${stroke}55`, width: 1, points: { show: false } });
      bands.push({ series: [series.length - 1, series.length - 2], fill: `${stroke}22` });
    }
  });
  const axis = { stroke: plain("--soft"), grid: { stroke: plain("--line"), width: 1 }, ticks: { show: false } };
  const showReason = (plot) => {
    const left = plot.cursor.left;
    const at = left >= 0 ? plot.posToVal(left, "x") : null;
    const found = at === null ? [] : gaps.filter((gap) => gap.begin <= at && at < gap.end);
    reason.textContent = found.map((gap) => `${time(gap.begin)} to ${time(gap.end)}, ${gap.subject}: ${gap.reason}`).join("; ");
  };
  const dragged = (plot) => {
    if (!onDrag || plot.select.width < 8) return;
    onDrag(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
  };
  const plot = new uPlot(
    {
      width: Math.max(280, plotPlace.clientWidth),
      height: HEIGHT,
      series,
      bands,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone),
      scales: { x: { time: true, range: [content.span.since, content.span.until] } },
      axes: [axis, { ...axis, size: 46 }],
      cursor: { drag: { x: Boolean(onDrag), y: false, setScale: false } },
      hooks: { draw: [shade(chart, content, gaps)], setCursor: [showReason], setSelect: [dragged] },
    },
    joined(chart, hasEnvelope),
    plotPlace,
  );
  return {
    destroy: () => plot.destroy(),
    fit: () => plot.setSize({ width: Math.max(280, plotPlace.clientWidth), height: HEIGHT }),
  };
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
