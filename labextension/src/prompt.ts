/** The prompt that a cell holds. */

import type { ICellModel } from "@jupyterlab/cells";

import { type Options, parseOptions, Refusal } from "./options";

/** What the server is asked. */
export interface Prompt extends Options {
  prompt: string;
}

/** Whether a cell holds a prompt: a `%%eager` cell, or one of text. */
export function holdsPrompt(cell: ICellModel): boolean {
  const text = cell.sharedModel.getSource();
  return cell.type === "code" ? HEAD.test(text) : text.trim() !== "";
}

/** Read the prompt of a cell that holds one. */
export function readPrompt(cell: ICellModel): Prompt {
  const text = cell.sharedModel.getSource();
  const head = cell.type === "code" ? HEAD.exec(text) : null;
  if (head === null) {
    return { prompt: text.trim() };
  }
  const options = parseOptions(head[1] ?? "");
  const prompt = withoutFields(text.slice(head[0].length)).trim();
  if (prompt === "") {
    throw new Refusal("The cell has no prompt: write below %%eager what you want.");
  }
  return { ...options, prompt };
}

/** Take `{{name}}` for `{name}`, as the magic does, and refuse what only a kernel could fill in. */
function withoutFields(prompt: string): string {
  return prompt.replace(FIELD, (field: string) => {
    if (field.startsWith("{{")) {
      return field.slice(1, -1);
    }
    throw new Refusal(
      `The prompt's ${field} stands for a value of the notebook, which the server can't see. ` +
        `Run the cell itself: then the kernel fills it in. Or write {${field}} for the text itself.`,
    );
  });
}

// Both as `eager_kernel.magics` has them.
const HEAD = /^(?:[ \t]*\r?\n)*%%eager(?!\S)([^\r\n]*)(?:\r?\n|$)/u;
const NAME = String.raw`[\p{L}_][\p{L}\p{N}_]*`;
const PATH = String.raw`(?:\.${NAME}|\[(?:-?\d+|'[^'\]\n]*'|"[^"\]\n]*")\])*`;
const FIELD = new RegExp(String.raw`\{\{${NAME}${PATH}\}\}|\{${NAME}${PATH}\}`, "gu");
