// One chart: lines that break where nothing was measured, the reason of a break, limits, and a table.

import { element, time, zone } from "./page.js";

const uPlot = window.uPlot;
const HEIGHT = 260;
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

function colour(number) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--series-${number % 7}`).trim();
}

function plain(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function joined(chart, hasEnvelope) {
  const tables = chart.series.map((one) => (hasEnvelope ? [one.times, one.means, one.lows, one.highs] : [one.times, one.means]));
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
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("width", "22");
    line.setAttribute("height", "8");
    line.innerHTML = `<line x1="0" y1="4" x2="22" y2="4" stroke="${colour(number)}" stroke-width="2.5" stroke-dasharray="${DASHES[Math.floor(number / 7) % 4].join(" ")}"/>`;
    line.setAttribute("aria-hidden", "true");
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

export function drawChart(place, chart, content, { wide, onDrag }) {
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
