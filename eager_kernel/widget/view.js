// The live view of a run. One module, no build step, nothing loaded from elsewhere.
//
// A `Run` is what is known: it takes the kernel's news (`eager_kernel/widget/record.py`) and holds
// no DOM. A `View` draws a run in an element; there may be several of one run. All that a model
// wrote reaches the page as text nodes only, and what can't be seen in it is spelled out.

// Text --------------------------------------------------------------------------------------

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
];
const WRITING = { name: "writing", sign: "✎", says: "being written" };
const HELD = 3;

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

// Python's syntax, line by line -------------------------------------------------------------

const KEYWORDS = new Set(
  ("and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield").split(" "),
);
const CONSTANTS = new Set(["True", "False", "None", "Ellipsis", "NotImplemented", "self", "cls"]);
const BUILTINS = new Set(
  ("abs all any bool bytes callable chr dict dir display divmod enumerate filter float format " +
    "frozenset getattr hasattr hash input int isinstance issubclass iter len list map max min next " +
    "object open ord pow print property range repr reversed round set setattr slice sorted str sum " +
    "super tuple type vars zip Exception ValueError TypeError KeyError IndexError RuntimeError").split(" "),
);
const SOFT = /(?:match|case|type)\b(?=[^=.,)\]}:]*[^=]:?\s*$)/y;
const STRING = /[rRbBuUfFtT]{0,2}("""|'''|"|')/y;
const NUMBER = /(?:0[xXoObB][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d[\d_]*)?|\.\d[\d_]*(?:[eE][+-]?\d+)?)[jJ]?/y;
const NAME = /[\p{L}_][\p{L}\p{N}\p{M}_]*/uy;
const SPACE = /[ \t\f]+/y;
const OTHER = /[^\s\p{L}\p{N}_"'#@.]+|./suy;

/**
 * Cut one line into tokens.
 * @param {string} line Without its line break.
 * @param {string} inside The quotes of the string that the line begins in; "" where it does not.
 * @returns {{tokens: [string, string][], inside: string}} Kinds and texts that concatenate to the
 *   line, and the quotes of the string that it ends in.
 */
export function tokenize(line, inside) {
  /** @type {[string, string][]} */
  const tokens = [];
  let at = 0;
  let after = "";
  const push = (kind, end) => {
    if (end > at) tokens.push([kind, line.slice(at, end)]);
    at = end;
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(line);
  };
  const string = (quotes, start) => {
    const end = endOfString(line, quotes, start);
    push("string", end < 0 ? line.length : end);
    // A single-quoted string goes on only after a backslash.
    const goesOn = end < 0 && (quotes.length === 3 || oddBackslashes(line));
    return goesOn ? quotes : "";
  };
  if (inside) {
    inside = string(inside, 0);
    if (inside || at === line.length) return { tokens, inside };
  } else if (/^\s*(?:%|!)/.test(line)) {
    push("magic", line.length);
    return { tokens, inside };
  }
  while (at < line.length) {
    let found;
    if ((found = match(SPACE))) push("", at + found[0].length);
    else if (line[at] === "#") push("comment", line.length);
    else if ((found = match(STRING))) {
      inside = string(found[1], at + found[0].length);
      after = "";
    } else if ((found = match(NAME))) {
      const name = found[0];
      const attribute = at > 0 && line[at - 1] === ".";
      let kind = "";
      if (after === "def" || after === "class") kind = "definition";
      else if (attribute) kind = "";
      else if (KEYWORDS.has(name)) kind = "keyword";
      else if (CONSTANTS.has(name)) kind = "constant";
      else if (BUILTINS.has(name)) kind = "builtin";
      else if (!tokens.some(([k, t]) => k || t.trim()) && match(SOFT)) kind = "keyword";
      push(kind, at + name.length);
      after = name;
    } else if ((found = match(NUMBER))) push("number", at + found[0].length);
    else if (line[at] === "@" && !line.slice(0, at).trim()) push("decorator", endOfDecorator(line, at));
    else push("", at + Math.max(1, (found = match(OTHER)) ? found[0].length : 1));
  }
  return { tokens, inside };
}

function endOfString(line, quotes, at) {
  for (let i = at; i < line.length; i++) {
    if (line[i] === "\\") i++;
    else if (line.startsWith(quotes, i)) return i + quotes.length;
  }
  return -1;
}

function oddBackslashes(line) {
  let count = 0;
  while (count < line.length && line[line.length - 1 - count] === "\\") count++;
  return count % 2 === 1;
}

function endOfDecorator(line, at) {
  const found = /@[\w.\s]*/y;
  found.lastIndex = at;
  return at + found.exec(line)[0].length;
}

// A run -------------------------------------------------------------------------------------

const LIVE = new Set(["waiting", "loading", "writing", "running", "stopping"]);

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
    for (const [first, last, code, note] of news.lines ?? []) {
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
    return code === 0 && this.live && this.facts.phase === "writing" ? WRITING : MARKS[code];
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
function clock() {
  return performance.now() / 1000;
}

/**
 * What the view says of a run, in short.
 * @param {Run} run
 */
export function phaseText(run) {
  const { phase, held } = run.facts;
  if (run.lost) return "lost";
  const said = {
    waiting: "waiting for the model",
    loading: "the model is being loaded",
    writing: "writing and running",
    running: "written, still running",
    stopping: "stopping",
    ok: "done",
    error: "failed",
    cancelled: "cancelled",
    no_code: "no Python found",
  };
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
  const spans = run.lanes.execution;
  const last = spans[spans.length - 1];
  const more = open === "executed" && last ? Math.max(0, run.now - last[0]) : 0;
  const part = hidden + (run.facts.phase === "writing" ? more : 0);
  const whole = execution + more;
  return { part, whole, share: whole >= 0.01 ? Math.min(1, part / whole) : null };
}

// The page ----------------------------------------------------------------------------------

const CUT = 600; // characters of a line that are shown at once
const QUIET = 8; // seconds without a word after which the page says so
const PATIENCE = 3; // seconds in which the kernel answers a button
const LANES = ["generation", "detection", "execution"];
// What may have the focus says that keys are its own: JupyterLab would take arrows and Enter for
// commands of the notebook, and looks at the focused element only.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

/**
 * Make an element.
 * @param {string} tag
 * @param {string} [className]
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 */
function make(tag, className = "", attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Put text that may be hostile into an element. */
function write(element, text) {
  for (const part of visible(text)) {
    element.append(part.hidden ? make("span", "ev-escape", {}, part.text) : part.text);
  }
}

/** Set text if it is another: what is unchanged need not be drawn again. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Draws a run in an element. */
class View {
  /**
   * @param {Run} run
   * @param {HTMLElement} el
   * @param {(message: object) => void} send
   */
  constructor(run, el, send) {
    this.run = run;
    this.send = send;
    this.page = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
    this.rows = new Map();
    this.follow = true;
    this.scrolledTo = 0;
    this.drawn = false;
    this.said = { phase: "", held: 0, at: 0 };
    this.build(el);
    this.onChange = () => this.draw();
    run.listeners.add(this.onChange);
    this.timer = setInterval(() => this.tick(), 100);
    this.themes = new MutationObserver(() => this.theme());
    for (const element of [document.documentElement, document.body]) {
      this.themes.observe(element, { attributes: true });
    }
    // It has a size, and a page with a colour around it, only when it was put into one.
    this.sizes = new ResizeObserver(() => {
      this.theme();
      this.draw();
    });
    this.sizes.observe(this.code);
    this.theme();
    this.draw();
    this.hello(run.seq);
  }

  hello(seq) {
    this.send({ type: "hello", page: this.page, seq });
  }

  dispose() {
    clearInterval(this.timer);
    this.themes.disconnect();
    this.sizes.disconnect();
    this.run.listeners.delete(this.onChange);
    this.send({ type: "bye", page: this.page });
    this.root.remove();
  }

  // The parts -------------------------------------------------------------------------------

  build(el) {
    this.state = make("span", "ev-phase");
    this.icon = make("span", "ev-icon", { "aria-hidden": "true" });
    this.title = make("span", "ev-title");
    this.elapsed = make("span", "ev-elapsed");
    this.buttons = {
      stop: this.button("Stop", "Stop the model and the program", () => this.ask("stop")),
      approve: this.button("Approve", "", () => this.ask("approve")),
      copy: this.button("Copy", "Copy the program", () => this.copy()),
      insert: this.button("Insert as cell", "", () => this.insert()),
    };
    this.live = make("div", "ev-sr", { role: "status", "aria-live": "polite" });
    this.note = make("div", "ev-note");
    this.root = make(
      "section",
      "eager-view",
      { "aria-label": "Run of a program" },
      make(
        "div",
        "ev-head",
        {},
        make("div", "ev-name", {}, this.icon, this.title, this.state, this.elapsed),
        make("div", "ev-buttons", { role: "group", "aria-label": "Actions" }, ...Object.values(this.buttons)),
      ),
      this.buildMeters(),
      this.buildTimeline(),
      this.note,
      this.buildCode(),
      (this.legend = make("div", "ev-legend", { "aria-hidden": "true" })),
      this.live,
    );
    el.append(this.root);
  }

  button(label, title, action) {
    const button = make("button", "ev-button", { type: "button", ...OWN_KEYS }, label);
    if (title) button.title = title;
    button.addEventListener("click", action);
    return button;
  }

  buildMeters() {
    const meter = (name, label) => {
      const fill = make("div", "ev-fill");
      const bar = make("div", `ev-bar ev-${name}`, { role: "progressbar", "aria-label": label, "aria-valuemin": "0" }, fill);
      const text = make("span", "ev-value");
      return { row: [make("span", "ev-label", {}, label), bar, text], bar, fill, text };
    };
    this.generated = meter("generated", "generated");
    this.executed = meter("executed", "executed");
    this.share = make("span", "ev-share");
    this.shareOf = make("span", "ev-share-of");
    return make(
      "div",
      "ev-meters",
      {},
      make("div", "ev-bars", {}, ...this.generated.row, ...this.executed.row),
      make("div", "ev-hidden", {}, this.share, this.shareOf),
    );
  }

  buildTimeline() {
    this.lanes = {};
    const rows = [];
    for (const name of LANES) {
      const track = make("div", `ev-track ev-lane-${name}`, { role: "img", "aria-label": `${name}: nothing yet` });
      this.lanes[name] = { track, spans: [], keys: [] };
      rows.push(make("span", "ev-label", {}, name), track);
    }
    this.lastToken = make("div", "ev-last", { title: "last token" });
    this.lanes.execution.track.append(this.lastToken);
    this.axis = make("div", "ev-axis", { "aria-hidden": "true" });
    this.timeline = make("div", "ev-timeline", { role: "group", "aria-label": "Timeline" }, ...rows, make("span"), this.axis);
    return this.timeline;
  }

  buildCode() {
    this.spacer = make("div", "ev-lines", { role: "list", "aria-label": "Lines of the program" });
    this.code = make("div", "ev-code", { tabindex: "0", role: "group", "aria-label": "Program", ...OWN_KEYS }, this.spacer);
    this.code.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.again = this.button("↓ Follow", "Go on to the newest line", () => {
      this.follow = true;
      this.draw();
    });
    this.again.classList.add("ev-follow");
    this.whole = make("div", "ev-whole");
    this.whole.hidden = true;
    return make("div", "ev-program", {}, this.code, this.again, this.whole);
  }

  // What the user does ----------------------------------------------------------------------

  ask(what) {
    this.run.answers.delete(what);
    this.send({ type: what });
    if (what === "stop") say(this.buttons.stop, "Stopping…");
    this.announce(what === "stop" ? "Stopping" : "Approved: nothing is held any more");
    setTimeout(() => {
      if (this.run.live && !this.run.answers.has(what)) {
        this.local(
          what === "stop"
            ? "The kernel has not heard it yet. To stop at once, interrupt the kernel (■)."
            : "The kernel has not heard it yet: it is busy.",
        );
      }
    }, PATIENCE * 1000);
  }

  async copy() {
    const done = await toClipboard(this.run.program, this.root);
    this.flash(this.buttons.copy, done ? "Copied" : "Not allowed");
    this.announce(done ? "Copied the program" : "The browser does not allow copying");
    return done;
  }

  async insert() {
    if (this.run.live) {
      // Cells are inserted where a cell ends: the kernel does it then.
      const wanted = this.buttons.insert.getAttribute("aria-pressed") !== "true";
      this.buttons.insert.setAttribute("aria-pressed", String(wanted));
      this.send({ type: "insert", wanted });
      this.announce(wanted ? "The program will be in a new cell below when the run has ended" : "It will not");
    } else if (await this.copy()) {
      this.local("Copied. Paste it into a cell, or run %eager code to have it in a new one.");
    }
  }

  flash(button, text) {
    const label = button.dataset.label ?? button.textContent;
    button.dataset.label = label;
    say(button, text);
    clearTimeout(button.back);
    button.back = setTimeout(() => say(button, label), 1500);
  }

  local(text) {
    this.localNote = text;
    this.announce(text);
    this.draw();
  }

  announce(text) {
    say(this.live, text);
    this.said.at = clock();
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.code;
    // What the view scrolls itself, it has noted.
    if (Math.abs(scrollTop - this.scrolledTo) > 0.5) {
      const down = scrollTop > this.scrolledTo;
      this.follow = down && scrollTop + clientHeight >= scrollHeight - 4;
      this.scrolledTo = scrollTop;
    }
    this.draw();
  }

  theme() {
    let dark = false;
    for (let element = this.root.parentElement; element; element = element.parentElement) {
      const [r, g, b, a = 1] = (getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
      if (r !== undefined && a > 0.5) {
        dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
        break;
      }
    }
    this.root.dataset.dark = String(dark);
  }

  // Drawing ---------------------------------------------------------------------------------

  tick() {
    const { run } = this;
    if (!run.live || document.hidden) return;
    const quiet = run.seq > 0 && clock() - run.heardAt > QUIET;
    if (quiet !== this.quiet) {
      this.quiet = quiet;
      this.drawNote();
    }
    this.drawTimes();
  }

  /** Draw before the browser's next frame; however many news come before that. */
  draw() {
    if (this.drawn) return;
    this.drawn = true;
    // Frames do not come to a page that nobody sees; it is drawn when it is seen.
    requestAnimationFrame(() => {
      this.drawn = false;
      this.drawHead();
      this.drawMeters();
      this.drawLanes();
      this.drawTimes();
      this.drawNote();
      this.drawCode();
      this.drawLegend();
      this.tell();
    });
  }

  drawHead() {
    const { run } = this;
    const { phase, title, held } = run.facts;
    const state = run.lost ? "lost" : held && run.live ? "held" : phase;
    this.root.dataset.phase = state;
    this.root.dataset.live = String(run.live);
    const icons = { ok: "✓", error: "✗", cancelled: "–", lost: "!", held: "‖", waiting: "…", loading: "…" };
    say(this.icon, icons[state] ?? "▸");
    if (this.title.dataset.text !== title) {
      this.title.dataset.text = title ?? "";
      this.title.replaceChildren();
      write(this.title, title || "Run");
    }
    say(this.state, phaseText(run));
    const { stop, approve, insert, copy } = this.buttons;
    stop.disabled = !run.live || phase === "stopping";
    if (phase !== "stopping" && !run.answers.has("stop")) say(stop, "Stop");
    if (!run.live) say(stop, "Stop");
    stop.hidden = !run.live;
    approve.hidden = !run.live;
    approve.disabled = !(run.live && held);
    approve.title = held
      ? `Run what is held without waiting: line ${held.line}${held.reason ? ` (${withoutAnsi(held.reason)})` : ""}`
      : "Nothing is held";
    copy.disabled = run.count === 0;
    insert.disabled = run.count === 0 && !run.live;
    insert.title = run.live
      ? "Have the program in a new cell below when the run has ended"
      : "Copy the program, to paste it into a cell";
    if (!run.live) insert.removeAttribute("aria-pressed");
    else if (!insert.hasAttribute("aria-pressed")) insert.setAttribute("aria-pressed", "false");
  }

  drawMeters() {
    const { run } = this;
    const { phase, executed = 0, rate = 0, progress } = run.facts;
    const lines = run.count;
    const open = run.live && phase !== "running";
    const end = Math.max(1, open ? roundUp(lines * 1.15) : lines);
    const meter = ({ bar, fill, text }, value, said) => {
      fill.style.width = `${Math.min(100, (value / end) * 100)}%`;
      // How long the program will be, nobody knows before it ends.
      if (open) bar.removeAttribute("aria-valuenow");
      else bar.setAttribute("aria-valuenow", String(value));
      bar.setAttribute("aria-valuemax", String(end));
      bar.setAttribute("aria-valuetext", said);
      say(text, said);
    };
    const loads = phase === "loading" && progress;
    const speed = rate > 0 ? `, ≈ ${rate >= 10 ? Math.round(rate) : rate} tokens/s` : "";
    if (loads) {
      const { text, fraction } = progress;
      meter(this.generated, typeof fraction === "number" ? fraction * end : 0, withoutAnsi(text ?? ""));
    } else {
      meter(this.generated, lines, count(lines, "line") + speed);
      this.generated.text.title = "Tokens are estimated: characters of code ÷ 4";
    }
    meter(this.executed, executed, count(executed, "line"));
    this.root.dataset.open = String(open);
  }

  drawLanes() {
    for (const name of LANES) {
      const lane = this.lanes[name];
      const spans = this.run.lanes[name];
      spans.forEach((span, i) => {
        const key = span.join("|");
        if (lane.keys[i] === key) return;
        lane.keys[i] = key;
        if (!lane.spans[i]) {
          lane.spans[i] = make("div", "ev-span");
          lane.track.append(lane.spans[i]);
        }
        const [start, finish, kind] = span;
        const element = lane.spans[i];
        element.dataset.kind = kind;
        element.style.setProperty("--a", start);
        element.style.setProperty("--b", finish);
        element.title = spanText(span);
      });
      while (lane.spans.length > spans.length) lane.spans.pop().remove();
      lane.keys.length = spans.length;
      const last = spans[spans.length - 1];
      lane.track.setAttribute(
        "aria-label",
        last ? `${name}: ${count(spans.length, "span")}, the last: ${spanText(last)}` : `${name}: nothing yet`,
      );
    }
  }

  /** What moves by itself: the time, the span that still grows, the share. */
  drawTimes() {
    const { run } = this;
    const now = run.now;
    const end = run.live ? roundUp(Math.max(1, now * 1.02)) : Math.max(now, 1e-3);
    if (this.end !== end) {
      this.end = end;
      this.timeline.style.setProperty("--end", String(end));
      this.axis.replaceChildren(
        ...ticks(end).map(({ at, text }) => {
          const tick = make("span", "", {}, text);
          tick.style.left = `${(at / end) * 100}%`;
          return tick;
        }),
      );
    }
    const { open, phase } = run.facts;
    const spans = run.lanes.execution;
    if (open && run.live && spans.length) {
      this.lanes.execution.spans[spans.length - 1]?.style.setProperty("--b", String(now));
    }
    const generation = run.lanes.generation;
    const written = !["waiting", "loading", "writing", "stopping"].includes(phase);
    this.lastToken.hidden = !(written && generation.length);
    if (written && generation.length) {
      this.lastToken.style.setProperty("--a", String(generation[generation.length - 1][1]));
    }
    say(this.elapsed, run.seq ? seconds(now) : "");
    const { part, whole, share } = hiddenShare(run);
    say(this.share, share === null ? "" : `${Math.round(share * 100)} %`);
    say(this.shareOf, share === null ? "" : `hidden: ${seconds(part)} of ${seconds(whole)}`);
  }

  drawNote() {
    const { run } = this;
    const { phase, note, held, summary } = run.facts;
    let text = this.localNote ?? "";
    let kind = "info";
    if (run.lost) [text, kind] = [run.lost, "error"];
    else if (this.quiet && run.live) {
      text = `No word from the kernel for ${QUIET} s: it is gone, or in code that lets nothing else run.`;
      kind = "held";
    } else if (text) kind = "info";
    else if (held && run.live) {
      text = `Line ${held.line} is held${held.reason ? `: ${held.reason}` : ""}. It runs when the program is complete, or when you approve.`;
      kind = "held";
    } else if (phase === "error" || phase === "cancelled") [text, kind] = [note, "error"];
    else if (note) text = note;
    const said = [withoutAnsi(text), run.live ? "" : (summary ?? "")].filter(Boolean).join("\n");
    if (this.note.dataset.text === said) return;
    this.note.dataset.text = said;
    this.note.dataset.kind = kind;
    this.note.replaceChildren();
    said.split("\n").forEach((line, i) => {
      const paragraph = make("div", i === 0 && text ? `ev-say ev-say-${kind}` : "ev-say");
      write(paragraph, line);
      this.note.append(paragraph);
    });
    this.note.hidden = !said;
  }

  drawCode() {
    const { run, code } = this;
    if (this.version !== run.version) {
      this.version = run.version;
      for (const row of this.rows.values()) row.remove();
      this.rows.clear();
    }
    const lines = run.count;
    this.rowHeight ||= Math.round(parseFloat(getComputedStyle(code).fontSize) * 1.55) || 20;
    const height = this.rowHeight;
    this.root.style.setProperty("--row", `${height}px`);
    this.root.style.setProperty("--digits", String(Math.max(2, String(lines).length)));
    this.spacer.style.height = `${lines * height}px`;
    code.parentElement.hidden = lines === 0;
    if (this.follow && run.live) {
      const line = run.facts.phase === "running" ? run.facts.executed + 3 : lines;
      const aim = line * height + 8;
      code.scrollTop = aim - code.clientHeight;
      this.scrolledTo = code.scrollTop;
    }
    this.again.hidden = this.follow || !run.live;
    const first = Math.max(1, Math.floor(code.scrollTop / height) - 8);
    const last = Math.min(lines, Math.ceil((code.scrollTop + (code.clientHeight || 400)) / height) + 8);
    for (const [line, row] of this.rows) {
      if (line < first || line > last) {
        row.remove();
        this.rows.delete(line);
      }
    }
    for (let line = first; line <= last; line++) this.drawRow(line, lines);
  }

  drawRow(line, lines) {
    const { run } = this;
    const text = run.lines[line - 1];
    const mark = run.mark(line);
    const note = run.note(line);
    const inside = run.inside(line);
    const caret = run.facts.phase === "writing" && run.live && line === run.lines.length;
    const key = [mark.name, text.length, inside, note, caret].join("|");
    let row = this.rows.get(line);
    if (row) row.setAttribute("aria-setsize", String(lines));
    if (row?.key === key) return;
    if (!row) {
      row = make("div", "ev-row", { role: "listitem", "aria-posinset": String(line), "aria-setsize": String(lines) });
      row.style.top = `${(line - 1) * this.rowHeight}px`;
      this.rows.set(line, row);
      // In the order of the program, for those who hear it.
      let next = line + 1;
      while (next <= line + 60 && !this.rows.get(next)?.isConnected) next++;
      this.spacer.insertBefore(row, this.rows.get(next)?.isConnected ? this.rows.get(next) : null);
    }
    row.key = key;
    row.dataset.mark = mark.name;
    const code = make("span", "ev-text");
    const shown = text.length > CUT ? text.slice(0, CUT) : text;
    for (const [kind, token] of tokenize(shown, inside).tokens) {
      const target = kind ? make("span", `ev-${kind}`) : code;
      write(target, token);
      if (kind) code.append(target);
    }
    if (text.length > CUT) {
      const more = this.button(`… ${count(text.length - CUT, "more character")}`, "", () => this.showWhole(line));
      more.classList.add("ev-more");
      code.append(more);
    }
    if (caret) code.append(make("span", "ev-caret", { "aria-hidden": "true" }));
    const parts = [
      make("span", "ev-mark", { title: note ? `${mark.says}: ${note}` : mark.says, "aria-hidden": "true" }, mark.sign),
      make("span", "ev-no", {}, String(line)),
      make("span", "ev-sr", {}, ` ${mark.says}: `),
      code,
    ];
    // Where one reason holds many lines, it is said once.
    if (note && note !== this.noteAbove(line)) {
      const why = make("span", "ev-why");
      write(why, withoutAnsi(note));
      parts.push(why);
    }
    row.replaceChildren(...parts);
  }

  /** The last note of the lines above, if all between are held too. */
  noteAbove(line) {
    for (let above = line - 1; above >= Math.max(1, line - 200); above--) {
      const note = this.run.note(above);
      if (note) return note;
      if (this.run.codes[above - 1] !== this.run.codes[line - 1]) return "";
    }
    return "";
  }

  showWhole(line) {
    const text = this.run.lines[line - 1];
    const area = make("textarea", "", { readonly: "", rows: "8", "aria-label": `Line ${line}`, spellcheck: "false", ...OWN_KEYS });
    area.value = visible(text).map((part) => part.text).join("");
    const close = this.button("Close", "", () => {
      this.whole.hidden = true;
      this.code.focus();
    });
    this.whole.replaceChildren(
      make("div", "ev-whole-head", {}, `Line ${line}, ${count(text.length, "character")}`, close),
      area,
    );
    this.whole.hidden = false;
    area.focus();
  }

  drawLegend() {
    const there = new Set();
    for (let line = 1; line <= this.run.count; line++) there.add(this.run.mark(line));
    const key = [...there].map((mark) => mark.name).sort().join();
    if (this.legend.dataset.key === key) return;
    this.legend.dataset.key = key;
    this.legend.replaceChildren(
      ...[WRITING, ...MARKS].filter((mark) => there.has(mark)).map((mark) => {
        const entry = make("span", "", {}, make("span", "ev-mark", {}, mark.sign), mark.says);
        entry.dataset.mark = mark.name;
        return entry;
      }),
    );
  }

  /** Tell those who can't see it what has changed; not more often than they can listen. */
  tell() {
    const { run, said } = this;
    const { phase, held, executed = 0 } = run.facts;
    const state = run.lost || phase;
    const line = held?.line ?? 0;
    if (state !== said.phase) {
      said.phase = state;
      const summary = run.live ? "" : ` ${this.note.textContent}`;
      this.announce(`${run.facts.title || "Run"}: ${phaseText(run)}.${summary}`);
    } else if (run.live && line && line !== said.held) {
      this.announce(`Line ${line} is held${held.reason ? `: ${withoutAnsi(held.reason)}` : ""}`);
    } else if (run.live && clock() - said.at > 10) {
      this.announce(`${executed} of ${count(run.count, "line")} executed`);
    }
    said.held = line;
  }
}

/** @param {any[]} span */
function spanText([start, finish, kind, first, last, note]) {
  const what = { "first token": "until the first token", waited: "stood still at an effect", held: "held by the gate" };
  const where = first ? (first === last ? `line ${first} ` : `lines ${first}-${last} `) : "";
  const text = `${where}${what[kind] ?? kind}, ${seconds(finish - start)}`;
  return text[0].toUpperCase() + text.slice(1) + (note ? `: ${withoutAnsi(note)}` : "");
}

/** @param {number} end Seconds. */
export function ticks(end) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 3600].find((s) => end / s <= 8) ?? end;
  const made = [];
  for (let i = 0; i * step <= end * 0.94; i++) {
    const at = i * step;
    const text = step < 0.1 ? `${Math.round(at * 1000)} ms` : `${Number(at.toFixed(1))} s`;
    made.push({ at, text: i ? text : "0" });
  }
  return made;
}

async function toClipboard(text, root) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or no secure page: as it was done before.
    const area = make("textarea", "ev-sr");
    area.value = text;
    root.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

const GONE = "The kernel was restarted or has ended, and the run with it. What is shown is what was heard until then.";

/** What anywidget asks for; each widget has a run of its own. */
export default () => {
  const run = new Run();
  return {
    initialize({ model }) {
      run.ask = () => model.send({ type: "hello", page: "model", seq: -1 });
      model.on("msg:custom", (message) => run.take(message));
      // Not in anywidget's contract, but what ipywidgets says when a kernel restarts.
      model.on("comm_live_update", () => run.lose(GONE));
      model.on("comm:close", () => run.lose(GONE));
    },
    render({ model, el }) {
      const view = new View(run, el, (message) => {
        try {
          model.send(message);
        } catch {
          run.lose(GONE); // the comm is closed
        }
      });
      // Without a kernel, as in an exported page, there is one line to show.
      const ended = model.get("ended");
      if (ended && run.seq === 0) {
        setTimeout(() => run.seq === 0 && view.local(ended), 2000);
      }
      return () => view.dispose();
    },
  };
};
