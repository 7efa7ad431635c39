// The widget: what anywidget asks for. Each widget has a run of its own.

import { Run } from "./run.js";
import { Adoption, NotebookPage } from "./notebook.js";
import { lostRun, remember } from "./kept.js";
import { View } from "./view.js";

const GONE = "The kernel was restarted or has ended, and the run with it. What is shown is what was heard until then.";

/** Keeps one run in step with the notebook that shows it. */
class Keeper {
  constructor(run, page, send) {
    Object.assign(this, { run, page, send });
    this.adoption = null;
    this.wanted = false; // the program, in a cell of its own when the run has ended
    run.listeners.add(() => this.look());
  }

  look() {
    const { run, page } = this;
    const { id, request, session } = run.facts;
    if (!id) return;
    if (run.live) {
      const kernel = page?.kernel;
      if (request && kernel && session !== kernel.clientId && !this.adoption) {
        this.adoption = new Adoption(page, id, request, () => this.adopted());
        this.send({ type: "outputs" });
      }
      return;
    }
    if (this.over) return;
    this.over = true;
    remember(id, { program: run.program, page });
    if (this.wanted) page?.insertBelow(id, run.program.trimEnd());
    if (run.lost && page && run.count) page.keep(id, lostRun(run, id));
  }

  /** Take what was shown before this page came. */
  catchUp(answer) {
    const after = this.adoption?.catchUp(answer);
    if (after) this.send({ type: "outputs", after });
  }

  adopted() {
    this.adoption?.mark("idle", this.run.facts.number ?? undefined);
  }
}

export default () => {
  const run = new Run();
  let keeper = null;
  return {
    initialize({ model }) {
      const send = (message) => {
        try {
          model.send(message);
        } catch {
          run.lose(GONE); // the comm is closed
        }
      };
      keeper = new Keeper(run, NotebookPage.of(model), send);
      run.ask = () => send({ type: "hello", page: "model", seq: -1 });
      model.on("msg:custom", (message) => {
        if (message?.type === "outputs") keeper.catchUp(message);
        else run.take(message);
      });
      // Not in anywidget's contract, but what ipywidgets says when a kernel restarts.
      model.on("comm_live_update", () => run.lose(GONE));
      model.on("comm:close", () => run.lose(GONE));
    },
    render({ model, el }) {
      const view = new View(run, el, keeper);
      // Without a kernel, as in an exported page, there is one line to show.
      const ended = model.get("ended");
      if (ended && run.seq === 0) {
        setTimeout(() => run.seq === 0 && view.local(ended), 2000);
      }
      return () => view.dispose();
    },
  };
};
