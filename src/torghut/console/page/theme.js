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

/** A colour of the style sheet. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

dark.addEventListener("change", apply);
apply();
