// What charts are made of: limits of axes, times, breaks, symbols, notes, and the table for who cannot see them.

import { CLOCK, DAY, element, shown, state, svgElement, tableOf, time, written } from "./base.js";

// The lowest and highest value of the vertical axis. A limit that is near is shown too.
export function limitsOf(chart, low, high) {
  if (low === null) return [0, 1];
  const isFromZero = ["pm25", "pm10", "carbon_monoxide", "voc_index"].includes(chart.quantity);
  const most = Math.max(high, chart.guideline === null ? high : chart.guideline * 1.2, isFromZero ? 1 : high);
  const pad = Math.max((most - low) * 0.08, isFromZero ? 0 : 0.5);
  return [isFromZero ? 0 : low - pad, chart.quantity === "iaq_score" || chart.quantity === "relative_humidity" ? Math.min(100, most + pad) : most + pad];
}

// "06:00", with the day where it begins; days; months and years.
export function timeLabels(splits, step) {
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

export function timesOf(number) {
  let at = 0;
  return state.content.times[number].map((step) => (at += step));
}

// Values between two breaks: no line reaches them, so that they need a dot.
export function lonelyOf(values) {
  const found = [];
  let number = -1; // of the last value, if a break is before it
  let isBroken = true;
  values.forEach((value, index) => {
    if (value === undefined) return;
    if (value === null) {
      if (number >= 0) found.push(number);
      [number, isBroken] = [-1, true];
    } else {
      number = isBroken ? index : -1;
      isBroken = false;
    }
  });
  return number >= 0 ? [...found, number] : found;
}

// The instants of the last value before, and the first one after, each break of a line.
export function breaksOf(times, values) {
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

export function gapsOf(chart) {
  const devices = new Set(chart.series.map((one) => one.device));
  const sources = new Set(chart.series.map((one) => state.content.sources[one.device]).filter(Boolean));
  return state.content.gaps.filter((gap) => (gap.device ? devices.has(gap.device) : !sources.size || sources.has(gap.source)));
}

export function swatch(style, isDayMean = false) {
  const dash = (isDayMean ? [2, 3] : style.dash).join(" ");
  const line = svgElement("line", { x1: 0, y1: 4, x2: 22, y2: 4, class: style.name, "stroke-width": isDayMean ? 1.5 : 2.5, "stroke-dasharray": dash || null });
  return svgElement("svg", { viewBox: "0 0 22 8", class: "swatch", "aria-hidden": "true" }, line);
}

export function area(name, edge) {
  return svgElement("svg", { viewBox: "0 0 14 14", class: `area ${edge}`, "aria-hidden": "true" }, svgElement("rect", { width: 14, height: 14, rx: 3, class: name }));
}

export function ring() {
  return svgElement("svg", { viewBox: "0 0 14 14", class: "area", "aria-hidden": "true" }, svgElement("circle", { cx: 7, cy: 7, r: 5, class: "bad" }));
}

export function notes(chart) {
  const { resolution } = state.content;
  const each = chart.interval === null ? "each reading" : `a reading every ${Math.round(chart.interval / 60)} minutes`;
  const points = resolution === "reading" ? each : `lowest, mean and highest of each ${resolution}`;
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

export function tableOfChart(chart) {
  const write = (value) => written(chart.quantity, shown(chart.quantity, value));
  const rows = chart.series.filter((one) => !one.is_day_mean).map((one) => {
    const [values, lows, highs] = [one.means, one.lows ?? one.means, one.highs ?? one.means].map((list) => list.filter((value) => value !== null));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const cells = values.length ? [lows.reduce((one, other) => Math.min(one, other)), mean, highs.reduce((one, other) => Math.max(one, other)), values.at(-1)].map(write) : ["", "", "", ""];
    return element("tr", {}, element("th", { scope: "row" }, one.name), ...cells.map((cell) => element("td", {}, cell)));
  });
  return tableOf(["Room", "Lowest", "Mean", "Highest", "Newest"], rows);
}
