/** The cells that this page runs, and the two things that the buttons do. */

import { type Cell, CodeCell } from "@jupyterlab/cells";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";

import { type Cells, isPrompt, textOf } from "./cells";
import { executeInCell } from "./execute";
import type { Pages } from "./pages";
import { fillIn, isProgramOf, programCell } from "./program";
import { Refusal } from "./refusal";

export class Runs {
  private readonly _going = new Set<Cell>();
  private readonly _served = new Set<string>();

  /**
   * @param _cells - Knows what cells hold.
   * @param _changed - Told when a run begins or ends.
   */
  constructor(
    private readonly _cells: Cells,
    private readonly _changed: () => void,
  ) {
    NotebookActions.executionScheduled.connect((_, { cell }) => this._began(cell));
    NotebookActions.executed.connect((_, { cell }) => this._ended(cell));
  }

  /** Whether a prompt is being answered, or its program runs. */
  has(panel: NotebookPanel, cell: Cell): boolean {
    return this._target(panel, cell) !== null;
  }

  /** Whether this page has sent the request that runs a cell; yes once for each. */
  runs(panel: NotebookPanel, cellId: string, request: string): boolean {
    const cell = this._find(panel, cellId);
    if (!cell || !this._going.has(cell) || requestOf(cell) !== request || this._served.has(request)) {
      return false;
    }
    this._served.add(request);
    return true;
  }

  /** A notebook's kernel has ended, and all that it ran with it; JupyterLab does not say so. */
  lost(panel: NotebookPanel): void {
    panel.content.widgets.forEach((cell) => this._going.delete(cell));
    this._changed();
  }

  /** Put a program into the cell that has run it. */
  fillIn(panel: NotebookPanel, cellId: string, program: string): void {
    const cell = this._find(panel, cellId);
    if (cell) {
      fillIn(cell, program);
    }
  }

  /** Have a cell's prompt answered, and the program run; as Ctrl+Enter does, where it is a cell of
   * code. */
  async generate(panel: NotebookPanel, cell: Cell, pages: Pages): Promise<void> {
    const held = await this._cells.read(cell.model);
    if (!isPrompt(held)) {
      throw new Refusal(held.why || "The cell holds no prompt any more.");
    }
    if (held.kind === "prompt") {
      await this.run(panel, cell);
      return;
    }
    await this._below(panel, cell, pages, `%%eager --literal\n${textOf(cell.model)}`);
  }

  /** Have a failed cell written anew, and that run below it. */
  async fix(panel: NotebookPanel, cell: Cell, pages: Pages): Promise<void> {
    const number = failedCount(cell);
    if (number !== null) {
      await this._below(panel, cell, pages, `%eager fix ${number}`);
    }
  }

  /** Run code that asks a model, in a cell below another one, which then holds the program. */
  private async _below(
    panel: NotebookPanel,
    cell: Cell,
    pages: Pages,
    code: string,
  ): Promise<void> {
    const target = programCell(panel, cell);
    pages.tell(panel, { type: "text_cell", cell_id: target.model.id });
    const outcome = await executeInCell(panel, target, code);
    if (outcome === "unsent") {
      throw new Refusal(
        "The cell was not run: the notebook's kernel is not ready, or another extension runs its " +
          "cells. Run it again when the kernel is idle.",
      );
    }
  }

  /** Run a cell as it is, as Ctrl+Enter does. */
  async run(panel: NotebookPanel, cell: Cell): Promise<void> {
    await NotebookActions.runCells(panel.content, [cell], panel.sessionContext);
  }

  /** Stop what a cell runs, in whatever phase it is; what waits for other cells never begins. */
  async stop(panel: NotebookPanel, cell: Cell, pages: Pages): Promise<void> {
    const target = this._target(panel, cell);
    const request = target ? requestOf(target) : undefined;
    if (request === undefined || !pages.tell(panel, { type: "stop", request })) {
      await panel.sessionContext.session?.kernel?.interrupt();
    }
  }

  private _began(cell: Cell): void {
    this._going.add(cell);
    this._changed();
  }

  private _ended(cell: Cell): void {
    this._going.delete(cell);
    this._changed();
  }

  /** The cell that runs the program of a prompt's cell, or of itself. */
  private _target(panel: NotebookPanel, cell: Cell): CodeCell | null {
    const { widgets } = panel.content;
    const below = widgets[widgets.indexOf(cell) + 1];
    const target = isProgramOf(below, cell) ? below : cell;
    const { kind } = this._cells.held(cell.model);
    const isOurs = target !== cell || RUNS_ITSELF.has(kind) || isProgramOf(cell);
    return isOurs && target instanceof CodeCell && this._going.has(target) ? target : null;
  }

  private _find(panel: NotebookPanel, cellId: string): CodeCell | undefined {
    const cell = panel.content.widgets.find(({ model }) => model.id === cellId);
    return cell instanceof CodeCell ? cell : undefined;
  }
}

/** The execution count of a cell that has failed; null: it has not. */
export function failedCount(cell: Cell): number | null {
  if (!(cell instanceof CodeCell)) {
    return null;
  }
  const { outputs, executionCount } = cell.model;
  const failed = Array.from({ length: outputs.length }, (_, i) => outputs.get(i).type);
  return failed.includes("error") ? executionCount : null;
}

/** The id of the request that runs a cell. */
function requestOf(cell: CodeCell): string | undefined {
  return cell.outputArea.future?.msg.header.msg_id;
}

/** What cells hold that run their own prompt; of one where the server does not say it, it may be so. */
const RUNS_ITSELF = new Set(["prompt", "unsaid"]);
