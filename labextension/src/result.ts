/** What the kernel says of a run's end: it tells the server, and everybody hears it. */

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
    if (message.header.msg_type === "comm_msg") {
      const { comm_id, data } = message.content as KernelMessage.ICommMsgMsg["content"];
      if (comm_id === this._commId && data.type === "result" && typeof data.program === "string") {
        this.program = data.program;
      }
    }
  }
}
