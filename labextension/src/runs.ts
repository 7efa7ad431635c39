/** The runs that this page has begun, and that have not ended. */

import { type Cell, CodeCell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";

import { executeInCell, type Outcome } from "./execute";
import { Refusal } from "./options";
import { fillIn, programCell } from "./program";
import type { Prompt } from "./prompt";
import { Result } from "./result";
import type { Run, Server } from "./server";

/** One of them. */
interface Going {
  /** The ids of the cells it belongs to: that of the prompt, and that of the program. */
  cells: string[];
  /** Missing until the server has begun it. */
  run?: Run;
  /** The user wants it to stop. */
  stopped: boolean;
}

export class Runs {
  private readonly _going = new Set<Going>();

  /**
   * @param server - Which asks the models.
   * @param changed - Told when a run begins or ends.
   */
  constructor(
    private readonly _server: Server,
    private readonly _changed: () => void,
  ) {}

  /** Whether a cell has a run that goes on. */
  has(cell: Cell): boolean {
    return this._of(cell).length > 0;
  }

  /** Have a cell's prompt answered, and the program run; until it has ended. */
  async generate(panel: NotebookPanel, cell: Cell, prompt: Prompt): Promise<void> {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) {
      throw new Refusal("The notebook has no kernel: choose EAGER Python as its kernel.");
    }
    const going: Going = { cells: [cell.model.id], stopped: false };
    this._going.add(going);
    this._changed();
    try {
      going.run = await this._server.begin(kernel.id, prompt);
      if (going.stopped || cell.isDisposed) {
        await this._server.stop(going.run);
      } else {
        await this._attach(panel, cell, going, going.run);
      }
    } finally {
      this._going.delete(going);
      this._changed();
    }
  }

  /** Stop the runs of a cell. */
  async stop(cell: Cell): Promise<void> {
    for (const going of this._of(cell)) {
      going.stopped = true;
      if (going.run !== undefined) {
        await this._server.stop(going.run);
      }
    }
  }

  private async _attach(panel: NotebookPanel, cell: Cell, going: Going, run: Run): Promise<void> {
    const target = cell instanceof CodeCell ? cell : programCell(panel, cell);
    going.cells.push(target.model.id);
    this._changed();
    const result = new Result(panel.sessionContext, run.comm_id);
    let outcome: Outcome = "unsent";
    try {
      outcome = await executeInCell(panel, target, `%eager attach ${run.comm_id} --view`);
    } finally {
      result.dispose();
      if (target !== cell) {
        fillIn(target, result.program);
      }
      if (outcome !== "ended") {
        await this._server.stop(run); // nobody would run what its model still writes
      }
    }
    if (outcome === "unsent") {
      throw new Refusal(
        "The cell was not run: the notebook's kernel is not ready, or another extension runs its " +
          "cells. Run it again when the kernel is idle.",
      );
    }
  }

  private _of(cell: Cell): Going[] {
    return [...this._going].filter((going) => going.cells.includes(cell.model.id));
  }
}
