// What all parts of the page share: its content and settings, elements, and how values and times are written.

export const isReport = document.documentElement.dataset.inline === "true";
export const state = { content: JSON.parse(document.getElementById("content").textContent), loadedAt: Date.now() };

// The person's choices stay in the browser; where it keeps nothing, they last as long as the page.
export const settings = {
  theme: saved("theme", ["auto", "light", "dark"]),
  unit: saved("unit", ["C", "F"]),
  set(name, value) {
    this[name] = value;
    try {
      localStorage.setItem(`homeclimate.${name}`, value);
    } catch {
      // a browser that forbids it
    }
  },
};

function saved(name, choices) {
  try {
    const value = localStorage.getItem(`homeclimate.${name}`);
    return choices.includes(value) ? value : choices[0];
  } catch {
    return choices[0];
  }
}

export function applyTheme() {
  if (settings.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
}

// An empty drawing in the page: it knows the namespace of drawings, and which colours the theme has.
const probe = document.getElementById("probe");

// Texts become text nodes, and are never parsed as HTML.
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svgElement(name, attributes = {}, ...children) {
  return filled(document.createElementNS(probe.namespaceURI, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export function tableOf(heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

// The colour that a variable of the style sheet has now, as canvases take it.
export function colour(name, alpha = 1) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);
}

// Each device has one colour on the whole page; where the colours end, the lines are dashed.
const COLOURS = 8;
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];

export function styleOf(device) {
  const number = Math.max(0, state.content.rooms.findIndex((room) => room.device === device));
  return { name: `series-${number % COLOURS}`, dash: DASHES[Math.floor(number / COLOURS) % DASHES.length] };
}

const isTemperature = (quantity) => quantity === "temperature" && settings.unit === "F";

export function shown(quantity, value) {
  return value !== null && isTemperature(quantity) ? value * 1.8 + 32 : value;
}

export function shownChange(quantity, change) {
  return isTemperature(quantity) ? change * 1.8 : change;
}

export function unitOf(quantity, unit) {
  return isTemperature(quantity) ? "°F" : unit;
}

export function written(quantity, value) {
  return value.toFixed(["temperature", "carbon_monoxide"].includes(quantity) ? 1 : 0);
}

// The home's zone, wherever the browser is; that of the browser, if it does not know it.
export const zone = kept((name) => {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
});

const formatOf = kept((options, name) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", timeZone: zone(name), ...options }));

export function time(seconds, options) {
  return formatOf(options, state.content.zone).format(new Date(seconds * 1000));
}

// Formats take long to make: a page with many gaps writes thousands of times.
function kept(make) {
  const made = new Map();
  return (...given) => {
    const key = JSON.stringify(given);
    if (!made.has(key)) made.set(key, make(...given));
    return made.get(key);
  };
}

export const CLOCK = { hour: "2-digit", minute: "2-digit" };
export const DAY = { day: "numeric", month: "short" };
export const DATE = { ...DAY, year: "numeric" };

// "13:40" today, or on another day that is known; "29 Nov, 13:40" this year, else with the year.
export function instant(seconds, known = now()) {
  if (time(seconds, DATE) === time(known, DATE)) return time(seconds, CLOCK);
  const isThisYear = time(seconds, { year: "numeric" }) === time(now(), { year: "numeric" });
  return time(seconds, { ...(isThisYear ? DAY : DATE), ...CLOCK });
}

// "29 Nov, 20:30 to 21:45", with the second day only where it is another one.
export function period(begin, end) {
  return `${instant(begin)} to ${instant(end, begin)}`;
}

// The server's time: that of the content, and what has passed since it came.
export function now() {
  return state.content.now + (isReport ? 0 : (Date.now() - state.loadedAt) / 1000);
}

export function duration(seconds) {
  const minutes = Math.max(0, Math.round(seconds / 60));
  if (minutes < 60) return `${minutes} min`;
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60)];
  if (days < 2) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export function age(seconds) {
  return seconds < 60 ? "just now" : `${duration(seconds)} ago`;
}
