/** The extension: "Generate and run" and "Stop", for cells that hold a prompt; and for their kernels,
 * the models that the server asks. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, showErrorMessage } from "@jupyterlab/apputils";
import type { Cell } from "@jupyterlab/cells";
import { INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import type { ReadonlyPartialJSONObject } from "@lumino/coreutils";

import { Cells, type Held, isPrompt } from "./cells";
import { generateIcon, stopIcon } from "./icons";
import { isEager } from "./kernels";
import { Pages } from "./pages";
import { Refusal } from "./refusal";
import { failedCount, Runs } from "./runs";
import { type Offer, Server } from "./server";
import { Settings } from "./settings";
import { watchActiveCell } from "./watch";

const GENERATE = "eager-kernel:generate-and-run";
const RUN = "eager-kernel:run-cell";
const STOP = "eager-kernel:stop";
const FIX = "eager-kernel:fix";
const CATEGORY = "EAGER Python";

const plugin: JupyterFrontEndPlugin<void> = {
  id: "eager-kernel:plugin",
  description: "Has a model write a program, which runs in a cell while it is written.",
  autoStart: true,
  requires: [INotebookTracker, ISettingRegistry],
  optional: [ICommandPalette],
  activate,
};

export default plugin;

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  registry: ISettingRegistry,
  palette: ICommandPalette | null,
): void {
  const { commands, serviceManager } = app;
  const changed = () =>
    [GENERATE, RUN, STOP, FIX].forEach((id) => commands.notifyCommandChanged(id));
  const server = new Server(serviceManager.serverSettings);
  const cells = new Cells(server, changed);
  const runs = new Runs(cells, changed);
  let offer: Offer = { models: [], config_file: "", hub: false, extension: false };
  const offered = () => ({ ...offer, model: settings.model, gate: settings.gate });
  const settings = new Settings(registry, plugin.id, () =>
    tracker.forEach((panel) => pages.tell(panel, { type: "offer", ...offered() })),
  );
  const pages = new Pages(server, {
    offer: () => ({ version: 1, ...offered() }),
    runs: (...about) => runs.runs(...about),
    lost: (panel) => runs.lost(panel),
    fillIn: (...about) => runs.fillIn(...about),
  });

  /** The active cell, in a notebook whose kernel is ours. */
  function current(): { panel: NotebookPanel; cell: Cell } | null {
    const panel = tracker.currentWidget;
    const cell = panel?.content.activeCell;
    return panel && cell && isEager(panel, changed) ? { panel, cell } : null;
  }

  function canGenerate(): boolean {
    const at = current();
    return at !== null && isPrompt(held(at)) && !runs.has(at.panel, at.cell);
  }

  /** Whether the active cell may hold a prompt, but the server does not say it. */
  function canOnlyRun(): boolean {
    const at = current();
    return at !== null && held(at).kind === "unsaid" && !runs.has(at.panel, at.cell);
  }

  function held(at: { cell: Cell } | null): Held {
    return at === null ? { kind: "other", why: "" } : cells.held(at.cell.model);
  }

  /** What the button does, or why it does nothing. */
  function caption(): string {
    const { kind, why } = held(current());
    if (kind === "unsaid") {
      return `Whether this cell holds a prompt is not known: ${why}`;
    }
    return why === ""
      ? "Have a model write this prompt's program, and run it while it is written"
      : `The cell will refuse this prompt: ${why}`;
  }

  function canStop(): boolean {
    const at = current();
    return at !== null && runs.has(at.panel, at.cell);
  }

  /** In a notebook's own toolbar the button stays where it is, for all cells. */
  function isSeen(args: ReadonlyPartialJSONObject): boolean {
    return args.always === true ? current() !== null : canGenerate();
  }

  commands.addCommand(GENERATE, {
    label: "Generate and run",
    caption,
    icon: generateIcon,
    isEnabled: canGenerate,
    isVisible: isSeen,
    execute: async () => {
      const at = current();
      if (at !== null && canGenerate()) {
        await told("The program can't be generated", () =>
          runs.generate(at.panel, at.cell, pages),
        );
      }
    },
  });
  commands.addCommand(RUN, {
    label: "Run cell",
    caption: () => `Run this cell. ${caption()}`,
    isEnabled: canOnlyRun,
    isVisible: canOnlyRun,
    execute: async () => {
      const at = current();
      if (at !== null && canOnlyRun()) {
        await runs.run(at.panel, at.cell);
      }
    },
  });

  /** Whether the active cell has failed; one that holds a prompt is generated anew instead. */
  function canFix(): boolean {
    const at = current();
    return (
      at !== null &&
      failedCount(at.cell) !== null &&
      held(at).kind === "other" &&
      !runs.has(at.panel, at.cell)
    );
  }

  commands.addCommand(FIX, {
    label: "Fix this error",
    caption: "Have a model write what this failed cell was to do, and run it below",
    icon: generateIcon,
    isEnabled: canFix,
    isVisible: canFix,
    execute: async () => {
      const at = current();
      if (at !== null && canFix()) {
        await told("The error can't be fixed", () => runs.fix(at.panel, at.cell, pages));
      }
    },
  });
  commands.addCommand(STOP, {
    label: "Stop",
    caption: "Stop the model and its program",
    icon: stopIcon,
    isEnabled: canStop,
    isVisible: canStop,
    execute: async () => {
      const at = current();
      if (at !== null) {
        await runs.stop(at.panel, at.cell, pages);
      }
    },
  });
  palette?.addItem({ command: GENERATE, category: CATEGORY });
  palette?.addItem({ command: STOP, category: CATEGORY });
  palette?.addItem({ command: FIX, category: CATEGORY });
  watchActiveCell(tracker, changed);
  void begin();

  async function begin(): Promise<void> {
    const asked = server.offer().then(
      (there) => {
        offer = there;
      },
      (error) => console.error("The server does not say which models it asks:", error),
    );
    await Promise.all([asked, settings.load()]);
    // Now there is something to tell.
    tracker.forEach((panel) => pages.watch(panel));
    tracker.widgetAdded.connect((_, panel) => pages.watch(panel));
    await settings.offer(offer.models);
  }
}

/** Do something, and show the user what was wrong with it, as text. */
async function told(title: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    await showErrorMessage(title, error.message);
  }
}
