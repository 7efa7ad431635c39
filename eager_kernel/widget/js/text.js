// Text for people: what may be hostile is spelled out, numbers are rounded.

/** Marks of lines by their codes; the same as `MARKS` and `SIGNS` in Python. */
export const MARKS = [
  { name: "written", sign: "·", says: "written" },
  { name: "ready", sign: "○", says: "ready to run" },
  { name: "deferred", sign: "↷", says: "put off, to run with what follows" },
  { name: "held", sign: "‖", says: "held" },
  { name: "running", sign: "▸", says: "running" },
  { name: "done", sign: "✓", says: "done" },
  { name: "failed", sign: "✗", says: "failed" },
  { name: "skipped", sign: "–", says: "not run" },
  { name: "stopped", sign: "■", says: "running when it was stopped" },
];
export const WRITING = { name: "writing", sign: "✎", says: "being written" };
export const HELD = 3;

// C0 and C1 but tabs, soft hyphen, fillers, zero-width and bidi controls, separators, tags, halves
// of surrogate pairs: the same as `_HIDDEN` in eager_kernel/widget/picture.py.
const HIDDEN =
  /[\0-\x08\n-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}\p{Cs}]/gu;
const ANSI =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]/g;

/**
 * Cut text into what can be shown as it is and what has to be spelled out.
 * @param {string} text
 * @returns {{text: string, hidden: boolean}[]}
 */
export function visible(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(HIDDEN)) {
    if (found.index > at) parts.push({ text: text.slice(at, found.index), hidden: false });
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push({ text: `⟨U+${code}⟩`, hidden: true });
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), hidden: false });
  return parts;
}

/**
 * A message without the escape sequences of terminals.
 * @param {string} text
 */
export function withoutAnsi(text) {
  return text.replace(ANSI, "");
}

/** @param {number} value Seconds. */
export function seconds(value) {
  if (value < 0.0005) return value > 0 ? "under 1 ms" : "0 s";
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  return value < 99.95 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}

/** @param {number} number @param {string} noun */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * The least round number that is at least `value`: ends of scales, which so stand still for a while.
 * @param {number} value
 */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) {
    if (step * power >= value * (1 - 1e-9)) return Number((step * power).toPrecision(6));
  }
  return 10 * power;
}
