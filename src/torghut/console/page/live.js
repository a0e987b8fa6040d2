// The connection to the console: one WebSocket that comes back by itself and says what it has seen, so that nothing is
// missed. The cursor and the epoch are the server's; see `console/board.py`.

const SILENT_AFTER_MS = 5000;
const RETRY_MS = [250, 5000];

export class Live extends EventTarget {
  #socket = null;
  #symbol = null;
  #epoch = "";
  #cursor = 0;
  #event = 0;
  #retry = RETRY_MS[0];
  #heard = Date.now();
  state = "connecting";
  lastSeen = null;

  /** Connect, once those who listen are there. */
  start() {
    this.#connect();
    setInterval(() => this.#checkSilence(), 1000);
  }

  /** Show this symbol from now on. */
  watch(symbol) {
    if (symbol !== this.#symbol) this.#cursor = 0;
    this.#symbol = symbol;
    this.#ask();
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    this.#socket = socket;
    this.#heard = Date.now();
    socket.onopen = () => this.#ask();
    socket.onmessage = (message) => {
      if (socket === this.#socket) this.#take(JSON.parse(message.data));
    };
    socket.onclose = (close) => {
      if (socket === this.#socket) this.#lost(close.reason);
    };
  }

  #ask() {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#symbol === null) return;
    const watch = { type: "watch", symbol: this.#symbol, epoch: this.#epoch, cursor: this.#cursor, event: this.#event };
    this.#socket.send(JSON.stringify(watch));
  }

  #take(update) {
    this.#heard = this.lastSeen = Date.now();
    this.#retry = RETRY_MS[0];
    if (update.symbol === this.#symbol) this.#cursor = update.cursor;
    this.#epoch = update.epoch;
    const events = (update.events ?? []).filter((event) => event.number > this.#event);
    if (events.length > 0) this.#event = events.at(-1).number;
    this.#become("live");
    try {
      this.dispatchEvent(new CustomEvent("update", { detail: { ...update, events } }));
    } finally {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"type":"seen"}');
    }
  }

  #checkSilence() {
    if (this.state === "live" && Date.now() - this.#heard > SILENT_AFTER_MS) this.#socket.close();
    if (this.state === "live" && Date.now() - this.#heard > 2 * SILENT_AFTER_MS) this.#lost("");
  }

  #lost(reason) {
    this.#socket = null;
    this.#become("lost", reason);
    const delay = this.#retry / 2 + Math.random() * (this.#retry / 2);
    this.#retry = Math.min(this.#retry * 2, RETRY_MS[1]);
    setTimeout(() => this.#connect(), delay);
  }

  #become(state, reason = "") {
    if (state === this.state && state === "live") return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason, lastSeen: this.lastSeen } }));
  }
}
