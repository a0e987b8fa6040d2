// The health strip, the lag figures, the connection and the status feed.

import { element, milliseconds } from "./text.js";

const SHAPES = { ok: "●", warn: "▲", bad: "■", off: "○" };
const SAID = { ok: "works", warn: "take a look", bad: "does not work", off: "not there" };
const EVENTS_SHOWN = 100;

export function showStrip(list, lights) {
  list.replaceChildren(...lights.map(lightItem));
}

function lightItem(light) {
  const mark = element("span", { className: "mark", "aria-hidden": "true" }, SHAPES[light.level]);
  const said = element("span", { className: "sr" }, `${SAID[light.level]}: `);
  const procedure = light.procedure
    ? element("a", { href: `/procedures#${light.procedure}`, className: "fix" }, `run ${light.procedure}`)
    : null;
  const words = element("span", { className: "words", title: light.words }, light.words);
  return element("li", { data: { level: light.level, part: light.name } },
    element("strong", {}, mark, light.name), said, words, procedure);
}

export function showLags(list, figures) {
  list.replaceChildren(...figures.map((figure) =>
    element("div", { data: { level: figure.level }, title: figure.words },
      element("dt", {}, figure.name),
      element("dd", {}, element("span", { className: "mark", "aria-hidden": "true" }, SHAPES[figure.level]),
        milliseconds(figure.value_ms)))));
}

export function addEvents(list, events) {
  for (const event of events) list.prepend(eventItem(event));
  while (list.children.length > EVENTS_SHOWN) list.lastElementChild.remove();
}

function eventItem(event) {
  return element("li", { data: { level: event.level } },
    element("time", { dateTime: event.at }, event.at.slice(11, 19)),
    element("span", { className: "mark", "aria-hidden": "true" }, SHAPES[event.level]),
    element("span", {}, element("strong", {}, event.who), ` ${event.words}`));
}

export function showConnection(place, { state, reason, lastSeen }) {
  place.dataset.state = state;
  if (state === "live") place.textContent = "live";
  else if (state === "connecting") place.textContent = "connecting";
  else {
    const seen = lastSeen ? `last seen ${new Date(lastSeen).toISOString().slice(11, 19)} UTC` : "never seen";
    place.textContent = `connection lost, ${seen}${reason ? ` (${reason})` : ""}; trying again`;
  }
}
