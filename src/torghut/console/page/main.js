// The chart page: puts the parts together.

import { Live } from "./live.js";
import { Rows, startOf } from "./rows.js";
import { Search } from "./search.js";
import { addEvents, showConnection, showLags, showStrip } from "./strip.js";
import { element, price } from "./text.js";
import { themes, toggleTheme } from "./theme.js";
import { showLines, showValues } from "./values.js";

const SIZES = [[1, "1 s"], [5, "5 s"], [15, "15 s"], [60, "1 min"]];
const SWITCHED_ON = "torghut.switches";
const STALE_S = 15;

const $ = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);

const rows = new Rows();
const live = new Live();
let chart = null;
let symbol = null;
let size = SIZES.some(([seconds]) => seconds === Number(parameters.get("size"))) ? Number(parameters.get("size")) : 1;
let state = null;
let pointed = null;
let answered = false;

const { Chart, LINES, SWITCHES } = await import("./chart.js").catch(() => ({ Chart: null, LINES: [], SWITCHES: [] }));
let switches = new Set(JSON.parse(localStorage.getItem(SWITCHED_ON)
  ?? '["ema","bollinger","vwap","volume","macd","rsi","spread"]'));

if (Chart !== null) {
  chart = new Chart($("chart"), rows, size, switches);
  chart.addEventListener("point", (event) => { pointed = event.detail; showPoint(); });
}

// --- what the reader chooses -----------------------------------------------------------------------------------------

const search = new Search($("symbol"), $("matches"), $("symbol-problem"));
search.addEventListener("choose", (event) => show(event.detail));

function show(wanted) {
  symbol = wanted;
  search.value = wanted;
  answered = false;
  rows.clear();
  chart?.redraw();
  remember();
  live.watch(wanted);
  title();
}

function remember() {
  history.replaceState(null, "", `?${new URLSearchParams({ symbol: symbol ?? "", size })}`);
}

function chooseSize(seconds) {
  size = seconds;
  for (const button of $("sizes").children) {
    button.setAttribute("aria-checked", String(Number(button.dataset.size) === seconds));
  }
  if (chart !== null) chart.size = seconds;
  remember();
  showPoint();
}

function toggle(id) {
  switches = new Set(switches);
  if (!switches.delete(id)) switches.add(id);
  localStorage.setItem(SWITCHED_ON, JSON.stringify([...switches]));
  showSwitches();
  if (chart !== null) chart.on = switches;
  showPoint();
}

function showSwitches() {
  for (const button of $("overlays").children) {
    button.setAttribute("aria-pressed", String(switches.has(button.dataset.switch)));
  }
}

$("sizes").append(...SIZES.map(([seconds, label], index) => {
  const button = element("button", { type: "button", role: "radio", data: { size: seconds }, title: `key ${index + 1}`,
    "aria-checked": String(seconds === size) }, label);
  button.addEventListener("click", () => chooseSize(seconds));
  return button;
}));
$("overlays").append(...SWITCHES.map(({ id, key, label }) => {
  const button = element("button", { type: "button", data: { switch: id }, title: `key ${key}` }, label);
  button.addEventListener("click", () => toggle(id));
  return button;
}));
showSwitches();
$("theme").addEventListener("click", toggleTheme);
$("help-open").addEventListener("click", () => $("help").showModal());
themes.addEventListener("change", () => chart?.build());

const KEYS = [
  ["/", "search a symbol", () => $("symbol").focus()],
  ...SIZES.map(([seconds, label], index) => [String(index + 1), `bars of ${label}`, () => chooseSize(seconds)]),
  ...SWITCHES.map(({ id, key, label }) => [key, `${label} on or off`, () => toggle(id)]),
  ["ArrowLeft", "back in time", () => chart?.pan(-10)],
  ["ArrowRight", "forward in time", () => chart?.pan(10)],
  ["+", "closer", () => chart?.zoom(1.25)],
  ["-", "farther", () => chart?.zoom(0.8)],
  ["End", "to now", () => chart?.toNow()],
  ["t", "light or dark", toggleTheme],
  ["?", "these keys", () => $("help").showModal()],
];
$("keys").append(...KEYS.map(([key, what]) => element("div", {},
  element("dt", {}, element("kbd", {}, key)), element("dd", {}, what))));
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || $("help").open;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const found = KEYS.find(([key]) => key === event.key);
  if (found === undefined) return;
  event.preventDefault();
  found[2]();
});

// --- what the console tells ------------------------------------------------------------------------------------------

live.addEventListener("state", (event) => { showConnection($("connection"), event.detail); banner(); });
live.addEventListener("update", ({ detail: update }) => {
  if (update.error) $("symbol-problem").textContent = update.error;
  addEvents($("events"), update.events);
  if (update.symbol === symbol && symbol !== null) takeRows(update);
  if (update.state) {
    state = update.state;
    showStrip($("strip"), state.strip);
    showLags($("lags"), state.lags);
    banner();
    if (symbol === null) chooseFirst();
  }
});

function takeRows(update) {
  const changed = update.rows ?? [];
  if (update.reset) {
    rows.clear();
    answered = true;
  }
  const seconds = rows.put(changed);
  if (update.reset) chart?.redraw();
  else if (seconds.length > 0) chart?.update(seconds);
  if (seconds.length > 0 || update.reset) { showPoint(); title(); banner(); }
}

async function chooseFirst() {
  const asked = parameters.get("symbol");
  if (asked) { show(asked.toUpperCase()); return; }
  const response = await fetch("/api/symbols").catch(() => null);
  const known = response?.ok ? (await response.json()).symbols : [];
  if (symbol === null && known.length > 0) show(known[0]);
}

function showPoint() {
  const second = pointed ?? (rows.newest ? startOf(rows.newest, size) : null);
  const bar = second === null ? null : rows.bar(second, size);
  showValues($("values"), bar);
  showLines($("key-lines"), LINES.filter((line) => switches.has(line.switch) && line.title && !line.tagged), bar);
}

function title() {
  const bar = rows.newest ? rows.bar(startOf(rows.newest, size), size) : null;
  const last = bar?.c === undefined ? "" : ` ${price(bar.c)}`;
  $("plot-title").textContent = symbol === null ? "-" : `${symbol}${last}`;
  document.title = symbol === null ? "Torghut" : `${symbol}${last} · Torghut`;
  $("chart").setAttribute("aria-label", `Candlestick chart of ${symbol ?? "no symbol"}, newest price${last || " not known"}`);
}

/** The one thing that a reader must know before trusting the chart; nothing when all is well. */
function banner() {
  const text = problem();
  $("banner").hidden = text === null;
  if (text !== null && $("banner").textContent !== text) $("banner").textContent = text;
}

function problem() {
  if (Chart === null) return "The chart library is not installed: run torghut setup, then reload this page.";
  if (live.state === "lost") return `${$("connection").textContent}. What you see is from before.`;
  if (state === null) return "Connecting to the console.";
  const broken = state.strip.find((light) => light.level === "bad" && ["kafka", "flink"].includes(light.name));
  if (broken) return `${broken.name}: ${broken.words}`;
  if (!state.live) return "Reading the last hour from Kafka.";
  const closed = state.hours ? `${state.hours}. ` : "";
  if (symbol === null) return `${closed}No bars in the last hour. Is a job submitted (torghut ta submit)?`;
  if (answered && rows.size === 0) return `${closed}No data for ${symbol} in the last hour.`;
  const quiet = Date.parse(state.at) / 1000 - rows.newest;
  if (rows.size > 0 && quiet > STALE_S) return `${closed}No new bar of ${symbol} for ${Math.round(quiet)} s.`;
  return null;
}

live.start();

// For those who check the page from outside.
window.torghut = { rows, chart, live, get symbol() { return symbol; }, get size() { return size; } };
