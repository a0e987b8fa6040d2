// Light and dark: as the system says until the reader chooses; remembered in this browser.

const KEY = "torghut.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const themes = new EventTarget();

function chosen() {
  return localStorage.getItem(KEY) ?? (dark.matches ? "dark" : "light");
}

function apply() {
  document.documentElement.dataset.theme = chosen();
  themes.dispatchEvent(new Event("change"));
}

export function toggleTheme() {
  localStorage.setItem(KEY, chosen() === "dark" ? "light" : "dark");
  apply();
}

const NAMES = [
  "up", "down", "up-open", "down-open", "revised", "ema12", "ema26", "band", "vwap", "vwap5", "text", "text-weak", "grid",
  "grid-strong",
];

/** The colours of the style sheet that a canvas needs, by name. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

dark.addEventListener("change", apply);
apply();
