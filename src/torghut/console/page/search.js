// The symbol field: a combobox over the symbols that the console knows.

import { element } from "./text.js";

export class Search extends EventTarget {
  #input; #list; #problem;
  #matches = [];
  #active = -1;
  #asked = 0;

  constructor(input, list, problem) {
    super();
    this.#input = input;
    this.#list = list;
    this.#problem = problem;
    input.addEventListener("input", () => this.#lookUp());
    input.addEventListener("focus", () => { input.select(); this.#lookUp(""); });
    input.addEventListener("blur", () => setTimeout(() => this.#close(), 150));
    input.addEventListener("keydown", (event) => this.#key(event));
  }

  set value(symbol) {
    this.#input.value = symbol;
  }

  async #lookUp(query = this.#input.value.trim()) {
    const number = ++this.#asked;
    const response = await fetch(`/api/symbols?q=${encodeURIComponent(query)}`).catch(() => null);
    if (response === null || number !== this.#asked) return;
    const answer = await response.json();
    this.#problem.textContent = response.ok ? "" : answer.error;
    this.#show(response.ok ? answer.symbols : []);
  }

  #show(symbols) {
    this.#matches = symbols;
    this.#active = -1;
    this.#list.replaceChildren(...symbols.map((symbol, index) => {
      const item = element("li", { role: "option", id: `match-${index}`, "aria-selected": "false" }, symbol);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); this.#choose(symbol); });
      return item;
    }));
    const open = symbols.length > 0 && document.activeElement === this.#input;
    this.#list.hidden = !open;
    this.#input.setAttribute("aria-expanded", String(open));
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.#move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      this.#choose(this.#matches[this.#active] ?? this.#input.value);
    } else if (event.key === "Escape") {
      this.#close();
      this.#input.blur();
    }
  }

  #move(step) {
    if (this.#matches.length === 0) return;
    this.#active = (this.#active + step + this.#matches.length) % this.#matches.length;
    [...this.#list.children].forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === this.#active));
      if (index === this.#active) item.scrollIntoView({ block: "nearest" });
    });
    this.#input.setAttribute("aria-activedescendant", `match-${this.#active}`);
  }

  async #choose(symbol) {
    const wanted = symbol.trim().toUpperCase();
    const response = await fetch(`/api/symbols?q=${encodeURIComponent(wanted)}`).catch(() => null);
    if (response !== null && !response.ok) {
      this.#problem.textContent = (await response.json()).error;
      return;
    }
    this.#problem.textContent = "";
    this.#close();
    this.#input.blur();
    if (wanted) this.dispatchEvent(new CustomEvent("choose", { detail: wanted }));
  }
}
