// The procedures page: what can be run and how, what was run, and the evidence of one run.

import { Live } from "./live.js";
import { showConnection } from "./strip.js";
import { element } from "./text.js";
import { toggleTheme } from "./theme.js";

const SHAPES = { ok: "●", bad: "■", open: "◐" };
const STEP_SHAPES = { done: "●", skipped: "○", acting: "◐", undoing: "◐", undone: "↩", pending: "·" };

const $ = (id) => document.getElementById(id);
const wanted = new URLSearchParams(location.search).get("run");
let journal = null;

async function ask(path) {
  const response = await fetch(path).catch(() => null);
  if (response === null) return { error: "the console does not answer" };
  return response.json();
}

function problem(text) {
  $("banner").hidden = !text;
  $("banner").textContent = text ?? "";
}

// --- the overview ----------------------------------------------------------------------------------------------------

async function showOverview() {
  const answer = await ask("/api/procedures");
  problem(answer.error ?? answer.problem);
  if (answer.error) return;
  $("runs").replaceChildren(...(answer.runs.length ? answer.runs.map(runItem)
    : [element("li", { className: "empty" }, "Nothing was run yet.")]));
  if ($("procedures").children.length === 0) $("procedures").append(...answer.procedures.map(procedureCard));
  if ($("journals").children.length !== Math.max(1, answer.targets.length)) {
    $("journals").replaceChildren(...(answer.targets.length ? answer.targets.map(journalItem)
      : [element("li", { className: "empty" }, "There is no journal yet: it begins with the first run.")]));
  }
  const asked = location.hash && document.getElementById(location.hash.slice(1));
  if (asked && !asked.dataset.shown) { asked.dataset.shown = "1"; asked.open = true; asked.scrollIntoView(); }
}

function runItem(run) {
  const address = `/procedures?run=${encodeURIComponent(`${run.target}/${run.id}`)}`;
  return element("li", { data: { verdict: run.verdict, run: run.id } },
    element("div", { className: "run-head" },
      element("span", { className: "mark", "aria-hidden": "true" }, SHAPES[run.verdict] ?? "○"),
      element("a", { href: address }, run.procedure),
      element("span", { className: "badge" }, run.over ? `${run.phase}, ${run.verdict}` : `${run.phase}, not over`),
      element("span", { className: "weak" }, `${when(run.started)} · ${run.seconds.toFixed(1)} s · ${run.target}`)),
    element("ol", { className: "steps" }, ...run.steps.map((step) =>
      element("li", { data: { outcome: step.outcome }, title: step.after || step.before },
        element("span", { className: "mark", "aria-hidden": "true" }, STEP_SHAPES[step.outcome] ?? "·"),
        `${step.name} `, element("span", { className: "weak" }, step.outcome)))),
    run.why ? element("p", { className: "why" }, run.why) : null);
}

function procedureCard(card) {
  return element("details", { className: "procedure", id: card.name },
    element("summary", {}, element("strong", {}, card.name), element("span", {}, ` ${card.title}`)),
    element("p", { className: "weak" }, `Rolls back: ${card.rollback}.`),
    ...card.commands.map(commandLine),
    element("pre", { className: "about" }, card.about));
}

function commandLine(command) {
  const copy = element("button", { type: "button", className: "quiet", "aria-label": `Copy: ${command}` }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command);
    copy.textContent = "Copied";
  });
  return element("div", { className: "command" }, element("code", {}, command), copy);
}

function journalItem(target) {
  const said = element("span", { role: "status" }, "not checked yet");
  const check = element("button", { type: "button" }, `Verify ${target}`);
  check.addEventListener("click", async () => {
    said.textContent = "checking";
    const answer = await ask(`/api/journal/${encodeURIComponent(target)}`);
    said.dataset.level = answer.ok ? "ok" : "bad";
    said.textContent = answer.error ?? `${answer.ok ? "●" : "■"} ${answer.words}`;
  });
  return element("li", {}, check, said);
}

// --- the evidence of one run -----------------------------------------------------------------------------------------

async function showEvidence() {
  const [target, ...rest] = wanted.split("/");
  const answer = await ask(`/api/runs/${encodeURIComponent(target)}/${encodeURIComponent(rest.join("/"))}`);
  $("overview").hidden = true;
  $("evidence").hidden = false;
  problem(answer.error);
  if (answer.error) return;
  const { run } = answer;
  document.title = `${run.procedure} ${run.verdict} · Torghut`;
  const print = element("button", { type: "button", className: "no-print" }, "Print");
  print.addEventListener("click", () => window.print());
  $("evidence").replaceChildren(
    element("div", { className: "run-head" },
      element("h1", {}, run.procedure),
      element("span", { className: "badge", data: { verdict: run.verdict } },
        `${SHAPES[run.verdict] ?? "○"} ${run.phase}, ${run.verdict}`),
      print, element("a", { href: "/procedures", className: "no-print" }, "All runs")),
    facts([["Run", run.id], ["Target", run.target], ["By", answer.who], ["Started", when(run.started)],
      ["Took", `${run.seconds.toFixed(1)} s`], ["Audit", answer.audit], ...(run.why ? [["Why", run.why]] : [])]),
    Object.keys(answer.figures).length ? section("Figures", facts(sorted(answer.figures))) : "",
    section("Steps", table(["Step", "Outcome", "Seconds", "Before", "After"],
      run.steps.map((step) => [step.name, `${STEP_SHAPES[step.outcome] ?? ""} ${step.outcome}`,
        step.seconds.toFixed(1), step.before, step.after]))),
    Object.keys(answer.facts).length ? section("What was found", facts(sorted(answer.facts))) : "",
    section("Journal", table(["Time (UTC)", "Event", "Step", "What"],
      answer.moments.map((moment) => [when(moment.at), moment.event, moment.step, moment.what]))));
}

const sorted = (values) => Object.entries(values).sort().map(([name, value]) => [name, String(value)]);

function section(name, content) {
  return element("section", {}, element("h2", {}, name), content);
}

function facts(pairs) {
  return element("dl", { className: "facts" }, ...pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function table(heads, rows) {
  const row = (kind, cells) => element("tr", {}, ...cells.map((cell) => element(kind, {}, cell)));
  return element("div", { className: "scroll", tabindex: "0", role: "group", "aria-label": heads.join(", ") },
    element("table", {}, element("thead", {}, row("th", heads)), element("tbody", {}, ...rows.map((r) => row("td", r)))));
}

function when(text) {
  return `${text.slice(0, 10)} ${text.slice(11, 23).replace("Z", "")}`;
}

// --- what moves ------------------------------------------------------------------------------------------------------

const show = wanted ? showEvidence : showOverview;
const live = new Live();
live.addEventListener("state", (event) => showConnection($("connection"), event.detail));
live.addEventListener("update", ({ detail: update }) => {
  if (update.state && update.state.journal !== journal) {
    journal = update.state.journal;
    show();
  }
});
$("theme").addEventListener("click", toggleTheme);
addEventListener("keydown", (event) => { if (event.key === "t" && !event.ctrlKey && !event.metaKey) toggleTheme(); });
show();
live.start();
