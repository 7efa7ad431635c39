/** What cells hold. Of a cell of code the server says it: it has the parser of the magic. */

import type { ICellModel } from "@jupyterlab/cells";

import { Refusal } from "./refusal";
import type { CellText, Server } from "./server";

/** What a cell holds: a `prompt` that the magic heads, a prompt of `text`, or neither; `unsaid`, where
 * the server does not say it of a cell in which the magic's name stands. */
export interface Held {
  kind: "prompt" | "text" | "other" | "unsaid";
  /** What is wrong with the prompt's options, or why the server says nothing; else empty. */
  why: string;
}

/** What the server has said of a text. */
interface Said {
  source: string;
  held: Held;
  at: number;
}

export class Cells {
  private readonly _said = new WeakMap<ICellModel, Said>();
  private readonly _asked = new WeakMap<ICellModel, Promise<void>>();

  /**
   * @param _server - Reads cells.
   * @param _changed - Told when something has become known.
   */
  constructor(
    private readonly _server: Server,
    private readonly _changed: () => void,
  ) {}

  /** What a cell holds, as far as that is known; of a text that has changed, what was known before. */
  held(cell: ICellModel): Held {
    const source = cell.sharedModel.getSource();
    if (cell.type !== "code") {
      return source.trim() === "" ? OTHER : TEXT;
    }
    if (!source.includes(MAGIC)) {
      return OTHER;
    }
    if (!this._isKnown(cell, source)) {
      void this._ask(cell);
    }
    return this._said.get(cell)?.held ?? OTHER;
  }

  /** What a cell holds, once that is known of the text that it has. */
  async read(cell: ICellModel): Promise<Held> {
    let held = this.held(cell);
    while (this._asked.has(cell)) {
      await this._asked.get(cell);
      held = this.held(cell);
    }
    return held;
  }

  private _isKnown(cell: ICellModel, source: string): boolean {
    const said = this._said.get(cell);
    const holds = said?.held.kind !== "unsaid" || Date.now() - said.at < RETRY;
    return said?.source === source && holds;
  }

  /** Ask of a cell, one question at a time. */
  private _ask(cell: ICellModel): Promise<void> {
    let asked = this._asked.get(cell);
    if (asked === undefined) {
      asked = this._askNow(cell).finally(() => {
        this._asked.delete(cell);
        this._changed();
      });
      this._asked.set(cell, asked);
    }
    return asked;
  }

  private async _askNow(cell: ICellModel): Promise<void> {
    const source = cell.sharedModel.getSource();
    this._said.set(cell, { source, held: await this._heldIn(source), at: Date.now() });
  }

  private async _heldIn(source: string): Promise<Held> {
    try {
      const { kind, error }: CellText = await this._server.read(source);
      return kind === "prompt" ? { kind, why: error ?? "" } : OTHER;
    } catch (error) {
      if (!(error instanceof Refusal)) {
        throw error;
      }
      return { kind: "unsaid", why: error.message };
    }
  }
}

/** Whether a cell is known to hold a prompt. */
export function isPrompt({ kind }: Held): boolean {
  return kind === "prompt" || kind === "text";
}

/** The prompt of a cell of text. */
export function textOf(cell: ICellModel): string {
  return cell.sharedModel.getSource().trim();
}

const OTHER: Held = { kind: "other", why: "" };
const TEXT: Held = { kind: "text", why: "" };
/** Without it a cell holds no prompt, and the server need not be asked. */
const MAGIC = "%%eager";
/** Milliseconds after which a server that said nothing is asked again. */
const RETRY = 5_000;
