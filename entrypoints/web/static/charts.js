// The charts: lines that break where there is no reading, what lies behind them, and what the pointer shows.

import { colour, element, instant, isReport, period, settings, shown, state, styleOf, unitOf, written, zone } from "./base.js";
import { area, breaksOf, gapsOf, limitsOf, lonelyOf, notes, ring, swatch, tableOfChart, timeLabels, timesOf } from "./chart_parts.js";

const uPlot = window.uPlot;
const HEIGHT = 260;
const HEIGHT_OF_ROOMS = 340;
const NULL_EXPAND = 2; // of uPlot.join
const LEAST_DRAG = 8; // pixels
const POINTER_STEP = 4;
const SHOWN_GAPS = 3; // in the legend; all of them are in the list
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
    this.height = chart.quantity === "temperature" ? HEIGHT_OF_ROOMS : HEIGHT;
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
    this.plot.setSize({ width: this.width(), height: this.height });
  }

  width() {
    return Math.max(240, this.place.clientWidth);
  }

  prepare() {
    this.gaps = gapsOf(this.chart);
    this.anomalies = this.chart.series.flatMap((one) => (one.anomalies ?? []).map((at) => [at, one.device]));
    const tables = this.chart.series.map((one) => [
      timesOf(one.times),
      ...[one.means, ...(one.lows ? [one.lows, one.highs] : [])].map((values) => values.map((value) => shown(this.chart.quantity, value))),
    ]);
    // A null that the server sent is a break, up to the next value, also where other lines have points between.
    this.table = uPlot.join(tables, tables.map((table) => table.map(() => NULL_EXPAND)));
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
      const points = { show: true, size: 4, width: 0, fill: colour(style.name), filter: (plot, at) => lonelyOf(plot.data[at]) };
      if (one.is_day_mean) {
        series.push({ ...line, isDayMean: true, stroke: colour(style.name), width: 1.2, dash: [2, 3] });
        continue;
      }
      series.push({ ...line, points, stroke: colour(style.name), width: 1.8, dash: style.dash });
      if (!one.lows) continue;
      for (let edge = 0; edge < 2; edge += 1) series.push({ ...line, isEdge: true, stroke: colour(style.name, 0.35), width: 0.6 });
      bands.push({ series: [series.length - 1, series.length - 2], fill: colour(style.name, 0.16) });
    }
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    return {
      width: this.width(),
      height: this.height,
      series,
      bands,
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone(state.content.zone)),
      scales: {
        x: { time: true, range: () => [state.content.span.since, state.content.span.until] },
        y: { range: (_, low, high) => limitsOf(this.chart, low, high) },
      },
      axes: [
        { ...axis, space: 64, size: 42, values: (_, splits, __, ___, step) => timeLabels(splits, step) },
        { ...axis, size: 44 },
      ],
      cursor: { drag: { x: !isReport, y: false, setScale: false }, points: { size: 6 } },
      hooks: {
        drawClear: [(plot) => this.drawBehind(plot)],
        draw: [(plot) => this.drawLimits(plot), (plot) => this.drawAnomalies(plot)],
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
      for (const [number, [limit]] of limits.entries()) {
        const high = limit ?? Infinity; // the last class has no end
        fillBand(plot, box, low, high, colour(`class-${number}`, 0.13));
        low = high;
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

  // Rings around values that the collector found implausible.
  drawAnomalies(plot) {
    clipped(plot, (ctx) => {
      ctx.strokeStyle = colour("bad");
      ctx.lineWidth = 1.5 * devicePixelRatio;
      for (const [at, device] of this.anomalies) {
        const number = plot.series.findIndex((one) => one.device === device);
        const value = plot.data[number][plot.data[0].indexOf(at)];
        if (!plot.series[number].show || typeof value !== "number") continue;
        ctx.beginPath();
        ctx.arc(plot.valToPos(at, "x", true), plot.valToPos(value, "y", true), 5 * devicePixelRatio, 0, 2 * Math.PI);
        ctx.stroke();
      }
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
    const wanted = plot.over.offsetLeft + left + (isRight ? -12 - this.tip.offsetWidth : 12);
    this.tip.style.left = `${Math.max(0, Math.min(wanted, this.place.clientWidth - this.tip.offsetWidth))}px`;
    this.tip.style.top = `${Math.max(0, plot.over.offsetTop + Math.min(top, this.height - 60 - this.tip.offsetHeight))}px`;
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
    const texts = found.map((gap) => `${period(gap.begin, gap.end)}, ${gap.subject}: ${gap.reason}`);
    this.chart.series.forEach((one, number) => {
      if (one.is_day_mean || isWhole || explained.has(one.device)) return;
      const lost = this.breakAt(number, at);
      if (lost) texts.push(`${period(...lost)}, ${one.name}: no reading, and the ledger has no reason`);
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
    const alike = Map.groupBy(longest, (gap) => [period(gap.begin, gap.end), gap.reason].join());
    const items = [...alike.values()].slice(0, SHOWN_GAPS).map((gaps) => {
      const subjects = gaps.map((gap) => gap.subject).join(" and ");
      return element("li", {}, area("none", "dashed"), `${period(gaps[0].begin, gaps[0].end)}, ${subjects}: ${gaps[0].reason}`);
    });
    if (this.anomalies.length) items.push(element("li", {}, ring(), "a reading with an implausible value"));
    const { limits } = this.chart;
    const top = this.plot.scales.y.max;
    const classes = limits.filter((_, number) => number === 0 || limits[number - 1][0] < top);
    items.unshift(...classes.map(([limit, name], number) => element("li", {}, area(`class-${number}`, ""), limit === null ? name : `${name} to ${limit}`)));
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
