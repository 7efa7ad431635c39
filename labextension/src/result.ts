/** What the kernel says of a run's end: it tells the server, and everybody hears it.
 *
 * A program can say it in the kernel's name, in whatever form. So it is text for a cell, and no more.
 */

import type { ISessionContext } from "@jupyterlab/apputils";
import type { KernelMessage } from "@jupyterlab/services";

export class Result {
  /** The program that has run; empty until then. */
  program = "";

  constructor(
    private readonly _context: ISessionContext,
    private readonly _commId: string,
  ) {
    _context.iopubMessage.connect(this._hear, this);
  }

  /** Hear no more. */
  dispose(): void {
    this._context.iopubMessage.disconnect(this._hear, this);
  }

  private _hear(_: ISessionContext, message: KernelMessage.IMessage): void {
    const content: unknown = message.content;
    if (message.header.msg_type !== "comm_msg" || !isObject(content)) {
      return;
    }
    const data = content.comm_id === this._commId ? content.data : null;
    if (isObject(data) && data.type === "result" && isProgram(data.program)) {
      this.program = data.program; // of several the last, which is the kernel's own
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isProgram(value: unknown): value is string {
  return typeof value === "string" && value.length <= LONGEST;
}

const LONGEST = 4_000_000; // characters, as the kernel takes them
