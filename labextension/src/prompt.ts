/** The prompt that a cell holds. */

import type { ICellModel } from "@jupyterlab/cells";

/** Whether a cell holds a prompt: one that `%%eager` heads, or one of text. */
export function promptCell(cell: ICellModel): "code" | "text" | null {
  const text = cell.sharedModel.getSource();
  if (cell.type === "code") {
    return HEAD.test(text) ? "code" : null;
  }
  return text.trim() === "" ? null : "text";
}

/** The prompt of a cell of text. */
export function textOf(cell: ICellModel): string {
  return cell.sharedModel.getSource().trim();
}

// As `eager_kernel.magics.options` has it.
const HEAD = /^(?:[ \t]*\r?\n)*%%eager(?!\S)/u;
