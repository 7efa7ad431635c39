// What is known of a run: it takes the kernel's news (`eager_kernel/widget/record.py`), and holds no
// DOM.

import { HELD, MARKS, WRITING, count } from "./text.js";
import { tokenize } from "./python.js";

const LIVE = new Set(["waiting", "loading", "writing", "asked", "running", "stopping"]);

/** What is known of a run. */
export class Run {
  constructor() {
    this.reset();
    this.seq = 0;
    /** Why nothing more comes, where the kernel did not say that the run has ended. */
    this.lost = "";
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    /** Asks the kernel for all of it. */
    this.ask = () => {};
    this.asked = false;
    this.heardAt = clock();
    this.answers = new Map();
  }

  reset() {
    this.facts = { phase: "waiting", count: 0, executed: 0, rate: 0 };
    this.lanes = { generation: [], detection: [], execution: [] };
    this.at = 0;
    this.pieces = [];
    this.lines = [""];
    this.endsInCr = false;
    this.codes = [];
    this.notes = new Map();
    this.states = [""]; // of each line that was looked at, the string that it begins in
    this.version = (this.version ?? 0) + 1;
  }

  /**
   * Take a message of the kernel.
   * @param {any} message
   */
  take(message) {
    if (message?.type === "answer") this.answers.set(message.to, message);
    else if (message?.type === "news") {
      this.heardAt = clock();
      if (message.whole) {
        this.reset();
        this.asked = false;
      } else if (message.seq !== this.seq + 1) {
        // Something was missed: news make no sense before a snapshot.
        if (message.seq > this.seq && !this.asked) {
          this.asked = true;
          this.ask();
        }
        return;
      }
      this.seq = message.seq;
      this.apply(message);
    }
    this.changed();
  }

  apply(news) {
    Object.assign(this.facts, news.facts);
    this.at = news.at;
    if (news.cut !== undefined) this.cut(news.cut);
    if (news.text) this.append(news.text);
    for (const [first, told, code, note] of news.lines ?? []) {
      const last = Math.min(told, this.lines.length); // a program can say it in the kernel's place
      for (let line = first; line <= last; line++) this.codes[line - 1] = code;
      if (note) this.noteAt(first, last, note);
    }
    for (const [name, [from, spans]] of Object.entries(news.lanes ?? {})) {
      if (name in this.lanes) this.lanes[name].splice(from, Infinity, ...spans);
    }
  }

  /** Keep why lines are held, at the first of them that holds code. */
  noteAt(first, last, note) {
    let line = first;
    while (line < last && /^\s*(?:#|$)/.test(this.lines[line - 1] ?? "")) line++;
    this.notes.set(line, note);
  }

  append(text) {
    this.pieces.push(text);
    if (this.endsInCr && text[0] === "\n") text = text.slice(1);
    this.endsInCr = text.endsWith("\r");
    const parts = text.split(/\r\n?|\n/);
    this.lines[this.lines.length - 1] += parts[0];
    for (let i = 1; i < parts.length; i++) this.lines.push(parts[i]);
  }

  /** Forget a line and all after it. */
  cut(first) {
    if (first <= this.lines.length) {
      const program = this.program;
      const breaks = /\r\n?|\n/g;
      for (let line = 1; line < first; line++) breaks.exec(program);
      this.pieces = [program.slice(0, breaks.lastIndex)];
      this.lines.length = first - 1;
      this.lines.push("");
      this.endsInCr = this.program.endsWith("\r");
    }
    this.codes.length = Math.min(this.codes.length, first - 1);
    this.states.length = Math.min(this.states.length, first);
    for (const line of [...this.notes.keys()]) if (line >= first) this.notes.delete(line);
    this.version++;
  }

  /** The code text, exactly. */
  get program() {
    if (this.pieces.length > 1) this.pieces = [this.pieces.join("")];
    return this.pieces[0] ?? "";
  }

  /** The programs before this one; a program can say anything in the kernel's place. */
  get steps() {
    const { steps } = this.facts;
    if (!Array.isArray(steps)) return [];
    const isStep = (step) => ["title", "program", "told"].every((name) => typeof step?.[name] === "string");
    return steps.filter(isStep);
  }

  /** What the user is asked before the program runs; null: nothing. */
  get asks() {
    const { phase, asks } = this.facts;
    return this.live && phase === "asked" && Array.isArray(asks?.touches) ? asks : null;
  }

  /** The code text of all steps, as `eager_kernel.core.conversation.steps.joined` has it. */
  get whole() {
    const programs = [...this.steps.map((step) => step.program), this.program].filter((text) => text.trim());
    return programs.reduce((whole, text) => whole + (whole && (whole.endsWith("\n") ? "\n" : "\n\n")) + text, "");
  }

  /** Lines that have at least one character or a line after them. */
  get count() {
    return this.lines.length - (this.lines[this.lines.length - 1] === "" ? 1 : 0);
  }

  get live() {
    return LIVE.has(this.facts.phase) && !this.lost;
  }

  /** Seconds since the run began, between news too. */
  get now() {
    return this.live ? this.at + (clock() - this.heardAt) : this.at;
  }

  /**
   * The mark of a line.
   * @param {number} line 1-based.
   */
  mark(line) {
    const code = this.codes[line - 1] ?? 0;
    // Without a chunk, it is still being written, unless no more comes.
    const isWritten = code === 0 && this.live && this.facts.phase === "writing";
    return isWritten ? WRITING : (MARKS[code] ?? MARKS[0]);
  }

  /** @param {number} line 1-based. */
  note(line) {
    const code = this.codes[line - 1];
    return code === HELD || code === 2 ? (this.notes.get(line) ?? "") : "";
  }

  /**
   * The string that a line begins in; scans no line twice.
   * @param {number} line 1-based.
   */
  inside(line) {
    // The last line may have grown since.
    for (let i = this.states.length; i < line; i++) {
      this.states.push(tokenize(this.lines[i - 1], this.states[i - 1]).inside);
    }
    return this.states[line - 1];
  }

  lose(why) {
    if (!this.live) return;
    this.at = this.now;
    this.lost = why;
    this.changed();
  }

  changed() {
    for (const listener of this.listeners) listener();
  }
}

/** Seconds of a clock that never goes back. */
export function clock() {
  return performance.now() / 1000;
}

/**
 * What the view says of a run, in short.
 * @param {Run} run
 */
export function phaseText(run) {
  const { phase, held } = run.facts;
  if (run.lost) return "lost";
  if (run.facts.stopped && !run.live) return "stopped";
  const said = {
    waiting: "waiting for the model",
    loading: "the model is being loaded",
    writing: run.facts.holding ? "writing" : "writing and running",
    asked: "written; it waits for you",
    running: "written, still running",
    stopping: "stopping",
    ok: "done",
    error: "failed",
    cancelled: "cancelled",
    no_code: "no Python found",
  };
  if (phase === "ok" && run.facts.repairs) return `done after ${count(run.facts.repairs, "repair")}`;
  if (held && run.live) return phase === "writing" ? "writing; held" : "held";
  return said[phase] ?? phase;
}

/**
 * The share of execution that is hidden behind generation.
 * @param {Run} run
 * @returns {{part: number, whole: number, share: number | null}}
 */
export function hiddenShare(run) {
  const { hidden = 0, execution = 0, open } = run.facts;
  // What runs on is executed; whether it is hidden shows with the next text.
  const whole = execution + (open === "executed" ? Math.max(0, run.now - run.at) : 0);
  const part = Math.min(hidden, whole);
  return { part, whole, share: whole >= 0.01 ? Math.min(1, part / whole) : null };
}
