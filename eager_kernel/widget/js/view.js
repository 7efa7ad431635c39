// The live view: draws a run in an element. All that a model wrote reaches the page as text nodes.

import { LOOKS } from "./looks.js";
import { HELD, MARKS, WRITING, count, roundUp, seconds, visible, withoutAnsi } from "./text.js";
import { tokenize } from "./python.js";
import { clock, hiddenShare, phaseText } from "./run.js";
import { make, say, toClipboard, write } from "./dom.js";
import { keptButtons } from "./kept.js";

const CUT = 600; // characters of a line that are shown at once
const QUIET = 8; // seconds without a word after which the page says so
const PATIENCE = 3; // seconds in which the kernel answers a button
const EARLY = 20; // seconds in which a view that has just begun is kept in sight
const LANES = ["generation", "detection", "execution"];
// What may have the focus says that keys are its own: JupyterLab would take arrows and Enter for
// commands of the notebook, and looks at the focused element only.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

/** Draws a run in an element. */
export class View {
  /**
   * @param {Run} run
   * @param {HTMLElement} el
   * @param {{send: (message: object) => void, page: any, wanted: boolean}} keeper
   */
  constructor(run, el, keeper) {
    this.run = run;
    this.keeper = keeper;
    this.send = keeper.send;
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
    this.sight = new Sight(this.root, () => run.live && run.now < EARLY && keeper.adoption === null);
  }

  hello(seq) {
    this.send({ type: "hello", page: this.page, seq });
  }

  dispose() {
    clearInterval(this.timer);
    this.themes.disconnect();
    this.sizes.disconnect();
    this.sight.dispose();
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
    this.cost = make("span", "ev-cost", { title: "What the model's answers have cost" });
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
        make("div", "ev-name", {}, this.icon, this.title, this.state, this.elapsed, this.cost),
        (this.actions = make("div", "ev-buttons", { role: "group", "aria-label": "Actions" }, ...Object.values(this.buttons))),
      ),
      this.buildMeters(),
      this.buildTimeline(),
      this.note,
      (this.steps = make("div", "ev-steps")),
      (this.asking = make("div", "ev-asking", { role: "group", "aria-label": "Before it runs" })),
      this.buildFold(),
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

  /** What a program that has run is folded to. */
  buildFold() {
    this.folded = null; // until the user says, or the run has ended
    this.fold = this.button("", "", () => {
      this.folded = !this.isFolded;
      this.draw();
    });
    this.fold.classList.add("ev-fold");
    return this.fold;
  }

  get isFolded() {
    return this.folded ?? (!this.run.live && !this.run.lost && !this.run.facts.unfolded);
  }

  buildCode() {
    this.spacer = make("div", "ev-lines", { role: "list", "aria-label": "Lines of the program" });
    this.code = make("div", "ev-code", { tabindex: "0", role: "group", "aria-label": "Program", ...OWN_KEYS }, this.spacer);
    this.code.addEventListener("scroll", () => this.draw(), { passive: true });
    this.again = this.button("↓ Follow", "Go on to the newest line", () => {
      this.follow = true;
      this.draw();
    });
    this.again.classList.add("ev-follow");
    this.whole = make("div", "ev-whole");
    this.whole.hidden = true;
    this.program = make("div", "ev-program", {}, this.code, this.again, this.whole);
    return this.program;
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
    const done = await toClipboard(this.run.whole, this.root);
    this.flash(this.buttons.copy, done ? "Copied" : "Not allowed");
    this.announce(done ? "Copied the program" : "The browser does not allow copying");
    return done;
  }

  async insert() {
    if (this.run.live) {
      const wanted = this.buttons.insert.getAttribute("aria-pressed") !== "true";
      this.buttons.insert.setAttribute("aria-pressed", String(wanted));
      // Where the page can't do it, the kernel does, when the cell ends.
      if (this.keeper.page) this.keeper.wanted = wanted;
      else this.send({ type: "insert", wanted });
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

  /** See whether the user has scrolled; what the view scrolls itself, it has noted. */
  lookAtScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.code;
    if (Math.abs(scrollTop - this.scrolledTo) > 0.5) {
      this.follow = scrollTop + clientHeight >= scrollHeight - 4;
      this.scrolledTo = scrollTop;
    }
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
      this.drawSteps();
      this.drawAsking();
      this.drawCode();
      this.drawLegend();
      this.tell();
    });
  }

  drawHead() {
    const { run } = this;
    const { phase, title, held } = run.facts;
    const stopped = run.facts.stopped && !run.live;
    const state = run.lost ? "lost" : stopped ? "stopped" : held && run.live ? "held" : phase;
    this.root.dataset.phase = state;
    this.root.dataset.live = String(run.live);
    const icons = { ok: "✓", error: "✗", cancelled: "–", stopped: "■", lost: "!", held: "‖", waiting: "…", loading: "…" };
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
    if (!run.live && this.keeper.page && run.facts.id && !this.kept) {
      // The same as what is kept has.
      const kept = { program: run.whole, page: this.keeper.page };
      this.kept = keptButtons(run.facts.id, kept, "ev-button");
      this.actions.append(...this.kept);
      copy.hidden = insert.hidden = true;
    }
    copy.disabled = run.count === 0 && !run.steps.length;
    insert.disabled = copy.disabled && !run.live;
    insert.title = run.live
      ? "Have the program in a new cell below when the run has ended"
      : "Copy the program, to paste it into a cell";
    if (!run.live) insert.removeAttribute("aria-pressed");
    else if (!insert.hasAttribute("aria-pressed")) insert.setAttribute("aria-pressed", "false");
  }

  /** The programs before this one, each folded to a line. */
  drawSteps() {
    const { steps } = this.run;
    if (this.run.facts.steps === this.stepsDrawn) return;
    this.stepsDrawn = this.run.facts.steps;
    const open = new Set(Array.from(this.steps.children, (child, i) => (child.open ? i : -1)));
    this.steps.replaceChildren(
      ...steps.map((step, i) => {
        const part = (className, text) => {
          const element = make("pre", className, { tabindex: "0", ...OWN_KEYS });
          for (const line of text.split("\n")) {
            write(element, line);
            element.append("\n");
          }
          return element;
        };
        const title = make("summary", "ev-step-title", OWN_KEYS);
        write(title, step.title);
        const told = make("details", "ev-told", {}, make("summary", "", OWN_KEYS, "What the model was told"), part("ev-step-text", step.told));
        const details = make("details", "ev-step", {}, title, part("ev-step-text", step.program), told);
        details.dataset.status = String(step.status);
        details.open = open.has(i);
        return details;
      }),
    );
  }

  /** What the program will touch, and its text to be edited, until the user has it run. */
  drawAsking() {
    const { asks, program } = this.run;
    const key = asks && JSON.stringify([asks, program]);
    if (key === this.asksDrawn) return; // what the user has edited stays
    this.asksDrawn = key;
    this.asking.replaceChildren();
    this.asking.hidden = !asks;
    if (!asks) return;
    const says = [asks.note, asks.head].map((text) => String(text ?? "")).filter(Boolean);
    const list = make("ul", "ev-touches");
    for (const { kind, line, what, code } of asks.touches) {
      const item = make("li", "", {}, make("b", "", {}, String(kind)), ` line ${Number(line)}: `);
      write(item, `${what}: `);
      const text = make("code");
      write(text, String(code));
      item.append(text);
      list.append(item);
    }
    const rows = String(Math.min(24, this.run.count + 1));
    const area = make("textarea", "", { rows, "aria-label": "The program, to be edited", spellcheck: "false", ...OWN_KEYS });
    area.value = program;
    // JupyterLab takes the ends of lines from all that is typed into a cell's output.
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
      event.preventDefault();
      const before = area.value;
      document.execCommand("insertText", false, "\n"); // which can be undone
      if (area.value === before) area.setRangeText("\n", area.selectionStart, area.selectionEnd, "end");
    });
    const shown = area.value; // as the browser has it: with other ends of lines, perhaps
    const button = this.button("Run", "Run the program as it stands here", () => {
      button.disabled = true;
      setTimeout(() => (button.disabled = false), PATIENCE * 1000); // if it was not heard
      this.send(area.value === shown ? { type: "run" } : { type: "run", program: area.value });
      this.announce("Running");
    });
    button.classList.add("ev-run");
    this.asking.append(...says.map((text) => make("div", "ev-say", {}, text)), list, area, make("div", "", {}, button));
    this.announce(`The program is written, and waits for you to run it. ${count(asks.touches.length, "thing")} to be touched`);
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
        element.classList.toggle("ev-striped", LOOKS[kind]?.striped === true);
        element.style.setProperty("--ev-time", LOOKS[kind]?.colour ?? "var(--ev-dim)");
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
    const { last = 0 } = run.facts;
    const written = !["waiting", "loading", "writing", "asked"].includes(phase) && last > 0;
    this.lastToken.hidden = !written;
    if (written) this.lastToken.style.setProperty("--a", String(last));
    say(this.elapsed, run.seq ? seconds((Number(run.facts.before) || 0) + now) : ""); // of all steps
    say(this.cost, run.facts.cost ?? "");
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
    } else if (!run.facts.stopped && (phase === "error" || phase === "cancelled")) [text, kind] = [note, "error"];
    else if (run.live && note) text = note;
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
    const { isFolded } = this;
    this.fold.hidden = run.live || lines === 0 || run.facts.elsewhere === true;
    say(this.fold, `Program, ${count(lines, "line")}`);
    this.fold.setAttribute("aria-expanded", String(!isFolded));
    this.legend.hidden = isFolded;
    this.rowHeight ||= Math.round(parseFloat(getComputedStyle(code).fontSize) * 1.55) || 20;
    const height = this.rowHeight;
    this.root.style.setProperty("--row", `${height}px`);
    this.root.style.setProperty("--digits", String(Math.max(2, String(lines).length)));
    this.spacer.style.height = `${lines * height}px`;
    this.program.hidden = lines === 0 || isFolded || run.asks !== null;
    if (this.program.hidden) return;
    this.lookAtScroll(); // the browser may tell it only after this
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
  const where = first ? (first === last ? `line ${first} ` : `lines ${first}-${last} `) : "";
  const text = `${where}${LOOKS[kind]?.meaning ?? kind}, ${seconds(finish - start)}`;
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

/**
 * Keeps a view that grows on the screen, with its buttons, until the user looks elsewhere: after
 * Shift+Enter, JupyterLab shows the next cell, and a view would grow out of the page.
 */
class Sight {
  constructor(element, wanted) {
    this.element = element;
    this.wanted = wanted;
    this.leave = () => this.dispose();
    for (const event of LOOKS_ELSEWHERE) document.addEventListener(event, this.leave, { capture: true, passive: true });
    this.grows = new ResizeObserver(() => this.look());
    this.grows.observe(element);
  }

  look() {
    if (!this.wanted()) return;
    const { top, bottom } = this.element.getBoundingClientRect();
    const frame = scroller(this.element)?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    if (top >= frame.top && bottom <= frame.bottom) return;
    // What does not fit is shown from its head on, where the buttons are.
    const fits = bottom - top <= frame.bottom - frame.top;
    this.element.scrollIntoView({ block: fits ? "nearest" : "start" });
  }

  dispose() {
    for (const event of LOOKS_ELSEWHERE) document.removeEventListener(event, this.leave, { capture: true });
    this.grows.disconnect();
  }
}

const LOOKS_ELSEWHERE = ["wheel", "touchmove", "pointerdown", "keydown"];

function scroller(element) {
  for (let at = element.parentElement; at; at = at.parentElement) {
    if (at.scrollHeight > at.clientHeight && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  }
  return null;
}
