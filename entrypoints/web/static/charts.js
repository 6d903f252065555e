// The charts: lines that break where there is no reading, what lies behind them, and what the pointer shows.

import { CLOCK, DAY, colour, element, instant, isReport, settings, shown, state, styleOf, svgElement, tableOf, time, unitOf, written, zone } from "./base.js";

const uPlot = window.uPlot;
const HEIGHT = 260;
const LEAST_DRAG = 8; // pixels
const POINTER_STEP = 4;
const SHOWN_GAPS = 3; // in the legend; all of them are in the list
const CLASS_COLOURS = 6;
const charts = new Map(); // by quantity
const hidden = new Set(); // devices whose lines are switched off

export function drawCharts(showSpan) {
  const place = document.getElementById("charts");
  const kept = new Set(state.content.charts.map((chart) => chart.quantity));
  for (const [quantity, chart] of charts) {
    if (!kept.has(quantity)) remove(quantity, chart);
  }
  for (const chart of state.content.charts) {
    const present = charts.get(chart.quantity);
    const key = JSON.stringify([chart.series.map((one) => [one.device, one.name, one.is_day_mean]), state.content.resolution, settings]);
    if (present?.key === key) {
      present.update(chart);
      continue;
    }
    const made = new Chart(chart, key, showSpan);
    if (present) {
      made.details.open = present.details.open;
      present.plot.destroy();
      present.panel.replaceWith(made.panel);
    } else place.append(made.panel);
    made.start();
    charts.set(chart.quantity, made);
  }
}

export function fitCharts() {
  for (const chart of charts.values()) chart.fit();
}

export function redrawCharts(showSpan) {
  for (const chart of charts.values()) chart.key = null;
  drawCharts(showSpan);
}

function remove(quantity, chart) {
  chart.plot.destroy();
  chart.panel.remove();
  charts.delete(quantity);
}

class Chart {
  constructor(chart, key, showSpan) {
    this.key = key;
    this.chart = chart;
    this.showSpan = showSpan;
    this.place = element("div", { class: "plot", tabindex: "0", role: "img" });
    this.tip = element("div", { class: "tip", hidden: "" });
    this.reason = element("p", { class: "note reason", role: "status" });
    this.gapLegend = element("ul", { class: "legend" });
    this.details = element("details", {}, element("summary", {}, "As a table"), element("div", { class: "scroll", tabindex: "0", role: "region" }));
    const unit = unitOf(chart.quantity, chart.unit);
    const title = unit ? `${chart.title}, ${unit}` : chart.title;
    this.place.setAttribute("aria-label", `Chart of ${title}. The arrow keys move the pointer; the values are in the table below.`);
    this.details.lastChild.setAttribute("aria-label", `Table of ${title}`);
    const heading = chart.quantity === "temperature" ? `Temperature by room, ${unit}` : title;
    this.panel = element(
      "section",
      { class: chart.quantity === "temperature" ? "panel wide" : "panel", "data-quantity": chart.quantity },
      element("h2", {}, heading),
      element("p", { class: "note" }, notes(chart)),
      this.legend(),
      this.gapLegend,
      this.place,
      this.reason,
      this.details,
    );
  }

  start() {
    this.prepare();
    this.plot = new uPlot(this.options(), this.table, this.place);
    this.place.append(this.tip);
    this.place.addEventListener("keydown", (event) => this.movePointer(event));
    this.place.addEventListener("dblclick", () => dispatchEvent(new Event("range-back")));
    queueMicrotask(() => this.describe()); // after the scales are set
  }

  update(chart) {
    this.chart = chart;
    this.prepare();
    this.plot.setData(this.table);
    queueMicrotask(() => this.describe());
  }

  fit() {
    this.plot.setSize({ width: this.width(), height: HEIGHT });
  }

  width() {
    return Math.max(240, this.place.clientWidth);
  }

  prepare() {
    this.gaps = gapsOf(this.chart);
    const tables = this.chart.series.map((one) => [
      timesOf(one.times),
      ...[one.means, ...(one.lows ? [one.lows, one.highs] : [])].map((values) => values.map((value) => shown(this.chart.quantity, value))),
    ]);
    // A null that the server sent is a break; a time that only other lines have is none.
    this.table = uPlot.join(tables, tables.map((table) => table.map(() => 1)));
    this.breaks = this.chart.series.map((one, number) => breaksOf(tables[number][0], one.means));
  }

  options() {
    const { quantity } = this.chart;
    const series = [{}];
    const bands = [];
    for (const [position, one] of this.chart.series.entries()) {
      const style = styleOf(one.device);
      const show = !hidden.has(one.device);
      const line = { label: one.name, device: one.device, position, show, spanGaps: false, points: { show: false } };
      if (one.is_day_mean) {
        series.push({ ...line, isDayMean: true, stroke: colour(style.name), width: 1.2, dash: [2, 3] });
        continue;
      }
      series.push({ ...line, stroke: colour(style.name), width: 1.8, dash: style.dash });
      if (!one.lows) continue;
      for (let edge = 0; edge < 2; edge += 1) series.push({ ...line, isEdge: true, stroke: colour(style.name, 0.35), width: 0.6 });
      bands.push({ series: [series.length - 1, series.length - 2], fill: colour(style.name, 0.16) });
    }
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    return {
      width: this.width(),
      height: HEIGHT,
      series,
      bands,
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone()),
      scales: {
        x: { time: true, range: () => [state.content.span.since, state.content.span.until] },
        y: { range: (_, low, high) => limitsOf(this.chart, low, high) },
      },
      axes: [
        { ...axis, space: 64, values: (_, splits, __, ___, step) => timeLabels(splits, step) },
        { ...axis, size: 44 },
      ],
      cursor: { drag: { x: !isReport, y: false, setScale: false }, points: { size: 6 } },
      hooks: {
        drawClear: [(plot) => this.drawBehind(plot)],
        draw: [(plot) => this.drawLimits(plot)],
        setCursor: [(plot) => this.pointAt(plot)],
        setSelect: [(plot) => this.dragged(plot)],
      },
    };
  }

  dragged(plot) {
    const { left, width } = plot.select;
    if (isReport || width < LEAST_DRAG) return;
    const [since, until] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.showSpan(since, until);
  }

  drawBehind(plot) {
    const { quantity, limits, usual } = this.chart;
    clipped(plot, (ctx, box) => {
      let low = -Infinity;
      for (const [number, limit] of [...limits.map(([value]) => value), limits.length ? Infinity : low].entries()) {
        if (limit === -Infinity) break;
        fillBand(plot, box, low, limit, colour(`class-${Math.min(number, CLASS_COLOURS - 1)}`, 0.13));
        low = limit;
      }
      if (usual) fillBand(plot, box, usual[0], usual[1], colour("good", 0.13));
      for (const gap of this.gaps.filter((one) => !one.device || this.chart.series.length === 1)) {
        const left = plot.valToPos(gap.begin, "x", true);
        const width = Math.max(1, plot.valToPos(gap.end, "x", true) - left);
        ctx.fillStyle = colour("none", 0.4);
        ctx.fillRect(left, box.top, width, box.height);
        ctx.strokeStyle = colour("soft", 0.5);
        ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.strokeRect(left, box.top, width, box.height);
      }
    });
  }

  drawLimits(plot) {
    const { guideline } = this.chart;
    if (guideline === null) return;
    clipped(plot, (ctx, box) => {
      const y = plot.valToPos(guideline, "y", true);
      ctx.strokeStyle = ctx.fillStyle = colour("accent");
      ctx.lineWidth = 1.2 * devicePixelRatio;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(box.left, y);
      ctx.lineTo(box.left + box.width, y);
      ctx.stroke();
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textAlign = "left";
      ctx.textBaseline = "bottom";
      ctx.fillText(`WHO 24 h guideline ${guideline}`, box.left + 6 * devicePixelRatio, y - 2 * devicePixelRatio);
    });
  }

  // Shows the values at the pointer, and why there are none.
  pointAt(plot) {
    const { left, top, idx } = plot.cursor;
    if (left === null || left === undefined || left < 0 || idx === null || idx === undefined) {
      this.tip.hidden = true;
      this.reason.textContent = "";
      return;
    }
    const at = plot.posToVal(left, "x");
    const reasons = this.reasonsAt(at);
    const lines = plot.series.flatMap((one, number) => {
      if (number === 0 || !one.show || one.isEdge) return [];
      const value = this.valueNear(number, idx, at);
      if (value === null) return [];
      const name = one.isDayMean ? `${one.label}, 24 h mean` : one.label;
      return [element("li", {}, swatch(styleOf(one.device), one.isDayMean), `${written(this.chart.quantity, value)} `, element("span", {}, name))];
    });
    this.tip.replaceChildren(element("b", {}, instant(at)), element("ul", {}, ...lines), ...reasons.map((text) => element("p", {}, text)));
    this.tip.hidden = false;
    const isRight = left > plot.over.clientWidth / 2;
    this.tip.style.left = `${plot.over.offsetLeft + left + (isRight ? -12 - this.tip.offsetWidth : 12)}px`;
    this.tip.style.top = `${Math.max(0, plot.over.offsetTop + Math.min(top, HEIGHT - 60 - this.tip.offsetHeight))}px`;
    const text = reasons.join("; ");
    if (this.reason.textContent !== text) this.reason.textContent = text;
  }

  // The value of a line that is nearest to the pointer. Within a break there is none.
  valueNear(number, idx, at) {
    const { data, series } = this.plot;
    if (this.breakAt(series[number].position, at)) return null;
    const values = data[number];
    const near = [0, -1, 1, -2, 2].map((step) => idx + step).find((one) => values[one] !== undefined && values[one] !== null);
    const reach = (state.content.span.until - state.content.span.since) / 20;
    return near !== undefined && Math.abs(data[0][near] - at) < reach ? values[near] : null;
  }

  breakAt(position, at) {
    return this.breaks[position].find(([begin, end]) => begin < at && at < end);
  }

  reasonsAt(at) {
    const found = this.gaps.filter((gap) => gap.begin <= at && at < gap.end);
    const explained = new Set(found.map((gap) => gap.device));
    const isWhole = found.some((gap) => !gap.device);
    const texts = found.map((gap) => `${instant(gap.begin)} to ${instant(gap.end)}, ${gap.subject}: ${gap.reason}`);
    this.chart.series.forEach((one, number) => {
      if (one.is_day_mean || isWhole || explained.has(one.device)) return;
      const lost = this.breakAt(number, at);
      if (lost) texts.push(`${instant(lost[0])} to ${instant(lost[1])}, ${one.name}: no reading, and the ledger has no reason`);
    });
    return texts;
  }

  movePointer(event) {
    const step = { ArrowLeft: -POINTER_STEP, ArrowRight: POINTER_STEP }[event.key];
    if (!step) return;
    event.preventDefault();
    const { clientWidth, clientHeight } = this.plot.over;
    const left = this.plot.cursor.left >= 0 ? this.plot.cursor.left : clientWidth;
    this.plot.setCursor({ left: Math.min(clientWidth - 1, Math.max(0, left + step * (event.shiftKey ? 10 : 1))), top: clientHeight / 2 });
  }

  legend() {
    const items = this.chart.series.filter((one) => !one.is_day_mean).map((one) => {
      const button = element("button", { type: "button", class: "link", "aria-pressed": String(!hidden.has(one.device)), title: "Show or hide" }, swatch(styleOf(one.device)), one.name);
      button.addEventListener("click", () => this.toggle(one.device, button));
      return element("li", {}, button);
    });
    if (this.chart.series.some((one) => one.is_day_mean)) items.push(element("li", {}, swatch({ name: "soft", dash: [] }, true), "24 h mean"));
    if (this.chart.usual) items.push(element("li", {}, area("good", ""), "usual range of this home (8 of 10 hours in 30 days)"));
    return element("ul", { class: "legend" }, ...items);
  }

  toggle(device, button) {
    if (!hidden.delete(device)) hidden.add(device);
    button.setAttribute("aria-pressed", String(!hidden.has(device)));
    this.plot.series.forEach((one, number) => {
      if (number && one.device === device) this.plot.setSeries(number, { show: !hidden.has(device) });
    });
  }

  describe() {
    const isFirst = this.chart.quantity === "temperature"; // once is enough
    const longest = this.gaps.filter((gap) => isFirst && !gap.device).sort((one, other) => other.end - other.begin - (one.end - one.begin));
    const texts = new Set(longest.map((gap) => `${instant(gap.begin)} to ${instant(gap.end)}: ${gap.reason}`));
    const items = [...texts].slice(0, SHOWN_GAPS).map((text) => element("li", {}, area("none", "dashed"), text));
    const { limits } = this.chart;
    const top = this.plot.scales.y.max;
    const classes = limits.filter((_, number) => number === 0 || limits[number - 1][0] < top);
    items.unshift(...classes.map(([limit, name], number) => element("li", {}, area(`class-${number}`, ""), `${name} to ${limit}`)));
    this.gapLegend.replaceChildren(...items);
    this.details.lastChild.replaceChildren(tableOfChart(this.chart));
  }
}

function fillBand(plot, box, low, high, fill) {
  const limit = (value) => Math.min(box.top + box.height, Math.max(box.top, plot.valToPos(value, "y", true)));
  const top = high === Infinity ? box.top : limit(high);
  const bottom = low === -Infinity ? box.top + box.height : limit(low);
  plot.ctx.fillStyle = fill;
  plot.ctx.fillRect(box.left, top, box.width, bottom - top);
}

function clipped(plot, draw) {
  plot.ctx.save();
  plot.ctx.beginPath();
  plot.ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  plot.ctx.clip();
  draw(plot.ctx, plot.bbox);
  plot.ctx.restore();
}

// The lowest and highest value of the vertical axis. A limit that is near is shown too.
function limitsOf(chart, low, high) {
  if (low === null) return [0, 1];
  const isFromZero = ["pm25", "pm10", "carbon_monoxide", "voc_index"].includes(chart.quantity);
  const most = Math.max(high, chart.guideline === null ? high : chart.guideline * 1.2, isFromZero ? 1 : high);
  const pad = Math.max((most - low) * 0.08, isFromZero ? 0 : 0.5);
  return [isFromZero ? 0 : low - pad, chart.quantity === "iaq_score" || chart.quantity === "relative_humidity" ? Math.min(100, most + pad) : most + pad];
}

// "06:00", with the day where it begins; days; months and years.
function timeLabels(splits, step) {
  if (step >= 300 * 86_400) return splits.map((at) => time(at, { year: "numeric" }));
  if (step >= 27 * 86_400) return splits.map((at) => time(at, { month: "short", year: "numeric" }));
  if (step >= 86_400) return splits.map((at) => time(at, DAY));
  let before = null;
  return splits.map((at) => {
    const day = time(at, DAY);
    const label = before === null || before === day ? time(at, CLOCK) : `${time(at, CLOCK)}\n${day}`;
    before = day;
    return label;
  });
}

function timesOf(number) {
  let at = 0;
  return state.content.times[number].map((step) => (at += step));
}

// The instants of the last value before, and the first one after, each break of a line.
function breaksOf(times, values) {
  const found = [];
  let last = null;
  let isBroken = false;
  values.forEach((value, number) => {
    if (value === null) isBroken = true;
    else {
      if (isBroken && last !== null) found.push([last, times[number]]);
      [last, isBroken] = [times[number], false];
    }
  });
  return found;
}

function gapsOf(chart) {
  const devices = new Set(chart.series.map((one) => one.device));
  const sources = new Set(chart.series.map((one) => state.content.sources[one.device]).filter(Boolean));
  return state.content.gaps.filter((gap) => (gap.device ? devices.has(gap.device) : !sources.size || sources.has(gap.source)));
}

function swatch(style, isDayMean = false) {
  const dash = (isDayMean ? [2, 3] : style.dash).join(" ");
  const line = svgElement("line", { x1: 0, y1: 4, x2: 22, y2: 4, class: style.name, "stroke-width": isDayMean ? 1.5 : 2.5, "stroke-dasharray": dash || null });
  return svgElement("svg", { viewBox: "0 0 22 8", class: "swatch", "aria-hidden": "true" }, line);
}

function area(name, edge) {
  return svgElement("svg", { viewBox: "0 0 14 14", class: `area ${edge}`, "aria-hidden": "true" }, svgElement("rect", { width: 14, height: 14, rx: 3, class: name }));
}

function notes(chart) {
  const { resolution, interval } = state.content;
  const points = resolution === "reading" ? `a reading every ${Math.round(interval / 60)} minutes` : `lowest, mean and highest of each ${resolution}`;
  const words = [points];
  if (chart.quantity === "temperature") words.push("a break in a line is time without a reading, never an interpolation");
  if (chart.quantity === "pm25") {
    words.push(`bands are the classes of the US EPA (2024), dashed is the guideline of the WHO (2021): both are for the 24-hour mean, ${chart.series.some((one) => one.is_day_mean) ? "the dotted line" : "the mean of each day"}`);
  }
  if (chart.quantity === "voc_index") words.push("the monitor's own index, lower is better; it has no unit, and neither WHO nor EPA has a limit for it");
  if (chart.quantity === "iaq_score") words.push("the monitor's own score, without a unit; higher is better");
  if (chart.quantity === "relative_humidity") words.push("the US EPA advises less than 60 %, ideally 30 to 50 %");
  if (chart.quantity === "carbon_monoxide") words.push("the limit of the US EPA is 9 ppm as a mean of 8 hours; this is no alarm");
  if (chart.quantity === "pm10") words.push("the monitor's estimate; guideline of the WHO (2021) for the 24-hour mean: 45");
  return `${words.join("; ")}.`;
}

function tableOfChart(chart) {
  const write = (value) => written(chart.quantity, shown(chart.quantity, value));
  const rows = chart.series.filter((one) => !one.is_day_mean).map((one) => {
    const [values, lows, highs] = [one.means, one.lows ?? one.means, one.highs ?? one.means].map((list) => list.filter((value) => value !== null));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const cells = values.length ? [lows.reduce((one, other) => Math.min(one, other)), mean, highs.reduce((one, other) => Math.max(one, other)), values.at(-1)].map(write) : ["", "", "", ""];
    return element("tr", {}, element("th", { scope: "row" }, one.name), ...cells.map((cell) => element("td", {}, cell)));
  });
  return tableOf(["Room", "Lowest", "Mean", "Highest", "Newest"], rows);
}
