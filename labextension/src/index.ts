/** The extension: "Generate and run" and "Stop", for cells that hold a prompt. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, showErrorMessage } from "@jupyterlab/apputils";
import type { Cell } from "@jupyterlab/cells";
import { INotebookTracker, type NotebookPanel } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";

import { generateIcon, stopIcon } from "./icons";
import { isEager } from "./kernels";
import { Refusal } from "./options";
import { holdsPrompt, type Prompt, readPrompt } from "./prompt";
import { Runs } from "./runs";
import { Server } from "./server";
import { watchActiveCell } from "./watch";

const GENERATE = "eager-kernel:generate-and-run";
const STOP = "eager-kernel:stop";
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
  const changed = () => [GENERATE, STOP].forEach((id) => commands.notifyCommandChanged(id));
  const runs = new Runs(new Server(serviceManager.serverSettings), changed);

  /** The active cell, in a notebook whose kernel is ours. */
  function current(): { panel: NotebookPanel; cell: Cell } | null {
    const panel = tracker.currentWidget;
    const cell = panel?.content.activeCell;
    return panel && cell && isEager(panel, changed) ? { panel, cell } : null;
  }

  function canGenerate(): boolean {
    const at = current();
    return at !== null && holdsPrompt(at.cell.model) && !runs.has(at.cell);
  }

  function canStop(): boolean {
    const at = current();
    return at !== null && runs.has(at.cell);
  }

  commands.addCommand(GENERATE, {
    label: "Generate and run",
    caption: "Have a model write this prompt's program, and run it while it is written",
    icon: generateIcon,
    isEnabled: canGenerate,
    isVisible: canGenerate,
    execute: async () => {
      const at = current();
      if (at !== null && canGenerate()) {
        await told("The program can't be generated", async () => {
          const prompt = readPrompt(at.cell.model);
          await runs.generate(at.panel, at.cell, { ...(await defaults(registry)), ...prompt });
        });
      }
    },
  });
  commands.addCommand(STOP, {
    label: "Stop generating",
    caption: "Stop the model, and run nothing more of its program",
    icon: stopIcon,
    isEnabled: canStop,
    isVisible: canStop,
    execute: async () => {
      const at = current();
      if (at !== null) {
        await told("The run can't be stopped", () => runs.stop(at.cell));
      }
    },
  });
  palette?.addItem({ command: GENERATE, category: CATEGORY });
  palette?.addItem({ command: STOP, category: CATEGORY });
  watchActiveCell(tracker, changed);
}

/** What the settings say of a request. */
async function defaults(registry: ISettingRegistry): Promise<Omit<Prompt, "prompt">> {
  const { composite } = await registry.load(plugin.id);
  const { gate, ...more } = composite as { model: string; gate: string };
  const model = more.model.trim();
  return { ...(model ? { model } : {}), ...(gate ? { gate } : {}) };
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
