// The seconds of one symbol, and how they roll up into longer bars. No page in here: `node` can run it.

export const KEPT_S = 3600;
const TIDY_EVERY = 600;

// What an indicator is of a longer bar: its value at the bar's last second.
export const INDICATORS = [
  "ema12", "ema26", "macd", "macd_signal", "macd_hist", "rsi14", "bb_mid", "bb_upper", "bb_lower",
  "vwap_session", "vwap_5m", "vol_60s", "bid", "ask", "spread", "imbalance",
];

export class Rows {
  #rows = new Map();
  newest = 0;

  get size() {
    return this.#rows.size;
  }

  get(second) {
    return this.#rows.get(second);
  }

  clear() {
    this.#rows.clear();
    this.newest = 0;
  }

  /** Put rows in; a row replaces that of its second. Returns the seconds that changed. */
  put(rows) {
    for (const row of rows) {
      this.#rows.set(row.t, row);
      if (row.t > this.newest) this.newest = row.t;
    }
    if (this.#rows.size > KEPT_S + TIDY_EVERY) this.#tidy();
    return rows.map((row) => row.t);
  }

  #tidy() {
    const horizon = this.newest - KEPT_S;
    for (const second of this.#rows.keys()) if (second <= horizon) this.#rows.delete(second);
  }

  /** The bar of `size` seconds that starts at `start`; null when nothing traded in it. */
  bar(start, size) {
    const rows = [];
    for (let second = start; second < start + size; second++) {
      const row = this.#rows.get(second);
      if (row !== undefined) rows.push(row);
    }
    return rows.length === 0 ? null : rollUp(start, rows);
  }

  /** All bars, oldest first. */
  bars(size) {
    const starts = new Set();
    for (const second of this.#rows.keys()) starts.add(startOf(second, size));
    return [...starts].sort((a, b) => a - b).map((start) => this.bar(start, size));
  }
}

export function startOf(second, size) {
  return second - (second % size);
}

/** One bar of rows in order of time. `open`: still changes; `revised`: late trades changed it after it was final. */
export function rollUp(start, rows) {
  const priced = rows.filter((row) => row.o !== undefined);
  const last = rows.at(-1);
  const volume = rows.reduce((sum, row) => sum + (row.v ?? 0), 0);
  const bar = {
    t: start,
    o: priced[0]?.o,
    h: priced.length ? Math.max(...priced.map((row) => row.h)) : undefined,
    l: priced.length ? Math.min(...priced.map((row) => row.l)) : undefined,
    c: priced.at(-1)?.c,
    v: volume,
    n: rows.reduce((sum, row) => sum + (row.n ?? 0), 0),
    vwap: volume > 0 ? rows.reduce((sum, row) => sum + (row.v ?? 0) * (row.vwap ?? 0), 0) / volume : undefined,
    open: rows.some((row) => !((row.bar_rank ?? -2) >= 0)),
    revised: rows.some((row) => row.bar_rank > 0),
    revision: Math.max(...rows.map((row) => row.bar_rank ?? 0)),
  };
  for (const name of INDICATORS) bar[name] = last[name];
  return bar;
}
