// The chart: candlesticks with volume, overlays, and panes below. Draws bars of `rows.js`; keeps no data of its own.

import {
  CandlestickSeries, HistogramSeries, LineSeries, LineStyle, createChart, createSeriesMarkers,
} from "/vendor/lightweight-charts.mjs";
import { startOf } from "./rows.js";
import { palette } from "./theme.js";

/** What can be switched on and off; `field` is the row's name of it, `pane` where it is drawn. */
export const SWITCHES = [
  { id: "ema", key: "e", label: "EMA 12/26", pane: "price" },
  { id: "bollinger", key: "b", label: "Bollinger", pane: "price" },
  { id: "vwap", key: "w", label: "VWAP", pane: "price" },
  { id: "volume", key: "v", label: "Volume", pane: "price" },
  { id: "macd", key: "m", label: "MACD", pane: "macd" },
  { id: "rsi", key: "r", label: "RSI", pane: "rsi" },
  { id: "spread", key: "s", label: "Spread", pane: "spread" },
];

export const LINES = [
  { switch: "ema", field: "ema12", title: "EMA 12", tint: "ema12" },
  { switch: "ema", field: "ema26", title: "EMA 26", tint: "ema26" },
  { switch: "bollinger", field: "bb_upper", title: "Bollinger", tint: "band", style: LineStyle.Dashed },
  { switch: "bollinger", field: "bb_mid", title: "", tint: "band", style: LineStyle.Dotted },
  { switch: "bollinger", field: "bb_lower", title: "", tint: "band", style: LineStyle.Dashed },
  { switch: "vwap", field: "vwap_session", title: "VWAP session", tint: "vwap" },
  { switch: "vwap", field: "vwap_5m", title: "VWAP 5 min", tint: "vwap5", style: LineStyle.LargeDashed },
  { switch: "macd", field: "macd", title: "MACD", tint: "ema12", tagged: true },
  { switch: "macd", field: "macd_signal", title: "", tint: "ema26" },
  { switch: "rsi", field: "rsi14", title: "RSI 14", tint: "vwap", tagged: true },
  { switch: "spread", field: "spread", title: "Spread", tint: "vwap5", tagged: true },
];
// Read from the style sheet once for each theme: asking it for every bar would cost more than drawing.
let tints = {};
const tint = (name) => tints[name];
const PANE_HEIGHT = 0.22;
const REDRAW_BEYOND = 4800; // points on the chart before it is drawn anew from what is kept

export class Chart extends EventTarget {
  #place; #rows; #size; #on;
  #chart = null;
  #candles; #volume; #histogram; #markers;
  #lines = [];
  #drawn = new Set();
  #last = 0;

  constructor(place, rows, size, on) {
    super();
    this.#place = place;
    this.#rows = rows;
    this.#size = size;
    this.#on = on;
    this.build();
  }

  set size(seconds) {
    this.#size = seconds;
    this.redraw();
    this.#chart.timeScale().scrollToRealTime();
  }

  set on(switches) {
    this.#on = switches;
    this.build();
  }

  /** Make the chart anew: after a switch or another theme. */
  build() {
    tints = palette();
    const range = this.#chart?.timeScale().getVisibleLogicalRange();
    this.#chart?.remove();
    this.#chart = createChart(this.#place, options());
    this.#addPrice();
    this.#addPanes();
    this.#chart.subscribeCrosshairMove((move) => {
      const second = move.time ?? null;
      this.dispatchEvent(new CustomEvent("point", { detail: second }));
    });
    this.redraw();
    if (range) this.#chart.timeScale().setVisibleLogicalRange(range);
  }

  #addPrice() {
    this.#candles = this.#chart.addSeries(CandlestickSeries, {
      upColor: "transparent", downColor: tint("down"), borderUpColor: tint("up"), borderDownColor: tint("down"),
      wickUpColor: tint("up"), wickDownColor: tint("down"), priceLineColor: tint("text-weak"),
      lastValueVisible: true,
    });
    this.#markers = createSeriesMarkers(this.#candles, []);
    this.#volume = null;
    if (this.#on.has("volume")) {
      this.#volume = this.#chart.addSeries(HistogramSeries, {
        priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
      });
      this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
      this.#candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.2 } });
    }
  }

  #addPanes() {
    const panes = ["macd", "rsi", "spread"].filter((name) => this.#on.has(name));
    const paneOf = (name) => panes.indexOf(name) + 1;
    this.#histogram = null;
    if (this.#on.has("macd")) {
      this.#histogram = this.#chart.addSeries(HistogramSeries, thin(""), paneOf("macd"));
    }
    this.#lines = LINES.filter((line) => this.#on.has(line.switch)).map((line) => ({
      field: line.field,
      series: this.#chart.addSeries(LineSeries, {
        ...thin(line.tagged ? line.title : ""), color: tint(line.tint), lineWidth: 1.5, lineStyle: line.style ?? LineStyle.Solid,
      }, paneOf(line.switch)),
    }));
    const rsi = this.#lines.find((line) => line.field === "rsi14");
    for (const price of [30, 70]) {
      rsi?.series.createPriceLine({ price, color: tint("grid-strong"), lineWidth: 1, lineStyle: LineStyle.Dashed,
        axisLabelVisible: false, title: "" });
    }
    this.#chart.panes().forEach((pane, index) => pane.setStretchFactor(index === 0 ? 1 : PANE_HEIGHT));
  }

  /** Draw everything that is kept. */
  redraw() {
    const bars = this.#rows.bars(this.#size);
    this.#candles.setData(bars.map(candle));
    this.#volume?.setData(bars.map(volume));
    this.#histogram?.setData(bars.map(histogram));
    for (const line of this.#lines) line.series.setData(bars.map((bar) => point(bar, line.field)));
    this.#drawn = new Set(bars.map((bar) => bar.t));
    this.#last = bars.at(-1)?.t ?? 0;
    this.#mark(bars);
  }

  /** Draw what changed in these seconds. */
  update(seconds) {
    const starts = [...new Set(seconds.map((second) => startOf(second, this.#size)))].sort((a, b) => a - b);
    const isNewInThePast = (start) => start < this.#last && !this.#drawn.has(start);
    if (starts.length > 60 || this.#drawn.size > REDRAW_BEYOND || starts.some(isNewInThePast)) {
      this.redraw();
      return;
    }
    const bars = starts.map((start) => this.#rows.bar(start, this.#size)).filter((bar) => bar !== null);
    for (const bar of bars) this.#updateBar(bar);
    if (bars.some((bar) => bar.revised)) this.#mark(this.#rows.bars(this.#size));
  }

  #updateBar(bar) {
    const past = bar.t < this.#last;
    this.#candles.update(candle(bar), past);
    this.#volume?.update(volume(bar), past);
    this.#histogram?.update(histogram(bar), past);
    for (const line of this.#lines) line.series.update(point(bar, line.field), past);
    this.#drawn.add(bar.t);
    this.#last = Math.max(this.#last, bar.t);
  }

  #mark(bars) {
    this.#markers.setMarkers(bars.filter((bar) => bar.revised && bar.o !== undefined).map((bar) => ({
      time: bar.t, position: "aboveBar", shape: "circle", size: 0.6, color: tint("revised"), id: `revised-${bar.t}`,
    })));
  }

  /** What is drawn, for those who check it. */
  drawn() {
    return this.#candles.data();
  }

  pan(bars) {
    const scale = this.#chart.timeScale();
    scale.scrollToPosition(scale.scrollPosition() + bars, false);
  }

  zoom(factor) {
    const scale = this.#chart.timeScale();
    scale.applyOptions({ barSpacing: Math.min(60, Math.max(1, scale.options().barSpacing * factor)) });
  }

  toNow() {
    this.#chart.timeScale().scrollToRealTime();
  }
}

function options() {
  return {
    autoSize: true,
    layout: {
      background: { color: "transparent" }, textColor: tint("text"), fontFamily: "inherit", attributionLogo: false,
      panes: { separatorColor: tint("grid-strong"), separatorHoverColor: tint("grid-strong"), enableResize: true },
    },
    grid: { vertLines: { color: tint("grid") }, horzLines: { color: tint("grid") } },
    crosshair: { mode: 0 },
    rightPriceScale: { borderColor: tint("grid-strong") },
    timeScale: {
      borderColor: tint("grid-strong"), timeVisible: true, secondsVisible: true, barSpacing: 7, rightOffset: 4,
    },
  };
}

const thin = (title) => ({ title, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false });

function candle(bar) {
  if (bar.o === undefined) return { time: bar.t };
  const drawn = { time: bar.t, open: bar.o, high: bar.h, low: bar.l, close: bar.c };
  if (!bar.open) return drawn;
  const pale = tint(bar.c >= bar.o ? "up-open" : "down-open");
  return { ...drawn, color: bar.c >= bar.o ? "transparent" : pale, borderColor: pale, wickColor: pale };
}

function volume(bar) {
  return { time: bar.t, value: bar.v, color: tint(bar.c >= bar.o ? "up-open" : "down-open") };
}

function histogram(bar) {
  if (bar.macd_hist === undefined) return { time: bar.t };
  return { time: bar.t, value: bar.macd_hist, color: tint(bar.macd_hist >= 0 ? "up-open" : "down-open") };
}

function point(bar, field) {
  return bar[field] === undefined ? { time: bar.t } : { time: bar.t, value: bar[field] };
}
