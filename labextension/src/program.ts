/** The code cell below a prompt of text, which runs the prompt's program. */

import { CodeCell, type Cell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";

/** The cell for the program of a prompt: the one that an earlier run has made, or a new one. */
export function programCell(panel: NotebookPanel, prompt: Cell): CodeCell {
  const { content } = panel;
  const index = content.widgets.indexOf(prompt) + 1;
  if (!isProgramOf(content.widgets[index], prompt)) {
    content.model?.sharedModel.insertCell(index, {
      cell_type: "code",
      metadata: { [MARK]: { prompt: prompt.model.id } },
    });
  }
  const cell = content.widgets[index];
  if (!(cell instanceof CodeCell)) {
    throw new Error("the notebook took no new cell");
  }
  cell.model.sharedModel.setSource(MEANWHILE);
  return cell;
}

/** Put the program into its cell, if the user has not written there meanwhile. */
export function fillIn(cell: CodeCell, program: string): void {
  if (!cell.isDisposed && cell.model.sharedModel.getSource() === MEANWHILE) {
    cell.model.sharedModel.setSource(program.trimEnd() || NOTHING);
    // It is what has run, though JupyterLab sent something else. Older releases have no setter.
    Reflect.set(cell.model, "isDirty", false);
  }
}

/** Whether a cell runs programs of a prompt of text: of this one, or of any. */
export function isProgramOf(cell: Cell | undefined, prompt?: Cell): cell is CodeCell {
  const mark: unknown = cell?.model.getMetadata(MARK);
  return (
    cell instanceof CodeCell &&
    typeof mark === "object" &&
    mark !== null &&
    "prompt" in mark &&
    (prompt === undefined || mark.prompt === prompt.model.id)
  );
}

const MARK = "eager";
const MEANWHILE = "# The program for the cell above is being written.";
const NOTHING = "# The cell above has been given no program.";
