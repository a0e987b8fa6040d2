// The values beside the chart: of the second under the pointer, else of the newest one.

import { clock, count, element, price } from "./text.js";

const SHOWN = [
  ["Time", (bar) => clock(bar.t)],
  ["State", (bar) => (bar.open ? "still open" : bar.revised ? `revised (${bar.revision})` : "final")],
  ["Open", (bar) => price(bar.o)],
  ["High", (bar) => price(bar.h)],
  ["Low", (bar) => price(bar.l)],
  ["Close", (bar) => price(bar.c)],
  ["Volume", (bar) => count(bar.v)],
  ["Trades", (bar) => count(bar.n)],
  ["Bid / ask", (bar) => `${price(bar.bid)} / ${price(bar.ask)}`],
  ["Spread", (bar) => price(bar.spread)],
  ["EMA 12 / 26", (bar) => `${price(bar.ema12)} / ${price(bar.ema26)}`],
  ["VWAP session", (bar) => price(bar.vwap_session)],
  ["VWAP 5 min", (bar) => price(bar.vwap_5m)],
  ["Bollinger", (bar) => `${price(bar.bb_lower)} to ${price(bar.bb_upper)}`],
  ["MACD / signal", (bar) => `${price(bar.macd)} / ${price(bar.macd_signal)}`],
  ["RSI 14", (bar) => price(bar.rsi14)],
];

/** The lines that are drawn, in their colours, with their values. */
export function showLines(list, lines, bar) {
  if (list.children.length !== lines.length || list.dataset.shown !== lines.map((line) => line.field).join()) {
    list.dataset.shown = lines.map((line) => line.field).join();
    list.replaceChildren(...lines.map((line) =>
      element("div", { data: { tint: line.tint } }, element("dt", {}, line.title), element("dd", {}))));
  }
  lines.forEach((line, index) => {
    const place = list.children[index].lastElementChild;
    const band = line.switch === "bollinger" ? `${price(bar?.bb_lower)} to ` : "";
    const text = `${band}${price(bar?.[line.field])}`;
    if (place.textContent !== text) place.textContent = text;
  });
}

export function showValues(list, bar) {
  if (bar === null) {
    list.replaceChildren();
    return;
  }
  if (list.children.length === 0) {
    list.append(...SHOWN.map(([name]) => element("div", {}, element("dt", {}, name), element("dd", {}))));
  }
  SHOWN.forEach(([, value], index) => {
    const place = list.children[index].lastElementChild;
    const text = value(bar);
    if (place.textContent !== text) place.textContent = text;
  });
}
