// What is kept of a run when its kernel is gone, and the buttons of what is kept.

import { MARKS, count, visible, withoutAnsi } from "./text.js";
import { make, say, toClipboard } from "./dom.js";

const SAYS = {
  written: "not complete",
  running: "was running",
  done: "ran",
  failed: "failed",
};
const BUTTONS = "display:flex;flex-wrap:wrap;gap:6px";
const PART = "margin:8px 0 2px";
const BOX = "border:1px solid #76767655;border-radius:8px;padding:10px 16px;max-width:1100px;line-height:1.45";

/**
 * A run that was lost, as a notebook keeps it: in Markdown, like `eager_kernel/widget/picture.py`.
 * @param {import("./run.js").Run} run
 * @param {string} id
 * @returns {{"text/markdown": string, "text/plain": string}}
 */
export function lostRun(run, id) {
  const title = run.facts.title || "Run";
  const head = `! ${title}: the kernel has ended, ${run.facts.executed ?? 0} of ${count(run.count, "line")} executed`;
  const parts = [];
  for (let line = 1; line <= run.count; line++) {
    const mark = MARKS[run.codes[line - 1] ?? 0];
    const said = SAYS[mark.name] ?? "did not run";
    const last = parts[parts.length - 1];
    if (last?.said === said) last.lines.push(run.lines[line - 1]);
    else parts.push({ mark, said, first: line, lines: [run.lines[line - 1]] });
  }
  const blocks = parts.map(({ mark, said, first, lines }) => {
    const end = first + lines.length - 1;
    const which = lines.length === 1 ? `Line ${first}` : `Lines ${first}-${end}`;
    const how = said === "was running" && lines.length > 1 ? "were running" : said;
    return `<div style="${PART}">${mark.sign} ${which}: ${how}</div>\n\n${block(lines)}`;
  });
  const markdown = [
    `<div class="mathjax_ignore" style="${BOX}">`,
    `<div style="display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center"><b style="flex:auto">${escapeText(head)}</b><span data-eager-run="${id}" style="${BUTTONS}"></span></div>`,
    `<div style="margin-top:6px;opacity:.75">${escapeText(withoutAnsi(run.lost))}</div>`,
    `<details style="margin-top:8px"><summary>Program, ${count(run.count, "line")}</summary>`,
    "",
    blocks.join("\n\n"),
    "",
    "</details>",
    "",
    "</div>",
  ].join("\n");
  const plain = [head, ...parts.map(({ lines }) => lines.map(spelled).join("\n"))].join("\n\n");
  return { "text/markdown": markdown, "text/plain": plain };
}

/** Lines as a block of code that they can't end. */
function block(lines) {
  const shown = lines.map(spelled);
  const longest = Math.max(0, ...shown.flatMap((line) => (line.match(/`+/g) ?? []).map((run) => run.length)));
  const fence = "`".repeat(Math.max(3, longest + 1));
  return [`${fence}python`, ...shown, fence].join("\n");
}

function spelled(text) {
  return visible(text).map((part) => part.text).join("");
}

/** Text as a part of a line of HTML, in which nothing means anything to Markdown or TeX. */
function escapeText(text) {
  return spelled(text).replace(/[&<>"'$]/g, (c) => `&#${c.charCodeAt(0)};`);
}

// The buttons --------------------------------------------------------------------------------

const REGISTRY = Symbol.for("eager-kernel.kept");
const MOST = 200;

/**
 * Give what is kept of a run its buttons, as long as this page is there.
 * @param {string} id
 * @param {{program: string, page: import("./notebook.js").NotebookPage | null}} kept
 */
export function remember(id, kept) {
  const runs = (globalThis[REGISTRY] ??= watch());
  runs.set(id, kept);
  if (runs.size > MOST) runs.delete(runs.keys().next().value);
  fill(document, runs);
}

/** What is kept is put into the page by others, again and again. */
function watch() {
  const runs = new Map();
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node instanceof Element) fill(node, runs);
    }
  }).observe(document.body, { childList: true, subtree: true });
  return runs;
}

function fill(root, runs) {
  const places = [...root.querySelectorAll("[data-eager-run]:empty")];
  if (root instanceof Element && root.matches("[data-eager-run]:empty")) places.push(root);
  for (const place of places) {
    const id = place.dataset.eagerRun;
    const kept = runs.get(id);
    if (kept) place.append(...keptButtons(id, kept));
  }
}

/**
 * Copy, Insert as cell and Run again, as far as the page can do that.
 * @param {string} id
 * @param {{program: string, page: import("./notebook.js").NotebookPage | null}} kept
 * @param {string} [className]
 */
export function keptButtons(id, { program, page }, className = "") {
  const buttons = [];
  if (program) {
    const copy = keptButton("Copy", "Copy the program", className, async () => {
      const done = await toClipboard(program, copy.parentElement);
      say(copy, done ? "Copied" : "Not allowed");
      setTimeout(() => say(copy, "Copy"), 1500);
    });
    buttons.push(copy);
  }
  if (page && program) {
    const title = "Put the program into a new cell below";
    buttons.push(keptButton("Insert as cell", title, className, () => page.insertBelow(id, program.trimEnd())));
  }
  if (page) {
    const again = keptButton("Run again", "Run the cell again", className, () => {});
    // JupyterLab runs the cell that a click has made the active one.
    again.dataset.commandlinkerCommand = "notebook:run-cell";
    buttons.push(again);
  }
  return buttons;
}

function keptButton(label, title, className, action) {
  const button = make("button", className, { type: "button", title, "data-lm-suppress-shortcuts": "true" }, label);
  if (!className) {
    button.style.cssText =
      "padding:3px 11px;border:1px solid #76767688;border-radius:6px;" +
      "background:transparent;color:inherit;font:inherit;font-size:12px;cursor:pointer";
  }
  button.addEventListener("click", action);
  return button;
}
