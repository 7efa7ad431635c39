/** A comm to a kernel that takes its messages past its main thread.
 *
 * Not by JupyterLab's own comms: they ask the kernel for a subshell each, which ours does not need.
 */

import { type Kernel, KernelMessage } from "@jupyterlab/services";
import { type JSONObject, UUID } from "@lumino/coreutils";

export class Comm {
  private readonly _id = UUID.uuid4();

  /**
   * @param kernel - Whose it is.
   * @param target - What the kernel knows it by.
   * @param data - What the kernel is told first.
   * @param hear - Told what the kernel says.
   */
  constructor(
    private readonly _kernel: Kernel.IKernelConnection,
    target: string,
    data: JSONObject,
    private readonly _hear: (data: JSONObject) => void,
  ) {
    _kernel.iopubMessage.connect(this._take, this);
    this._send("comm_open", { target_name: target, data });
  }

  /** Tell the kernel something. */
  send(data: JSONObject): void {
    this._send("comm_msg", { data });
  }

  /** End it. */
  dispose(): void {
    this._kernel.iopubMessage.disconnect(this._take, this);
    this._send("comm_close", { data: {} });
  }

  private _send(msgType: "comm_open" | "comm_msg" | "comm_close", content: JSONObject): void {
    if (this._kernel.isDisposed || this._kernel.status === "dead") {
      return;
    }
    this._kernel.sendShellMessage(
      KernelMessage.createMessage({
        msgType,
        channel: "shell",
        username: this._kernel.username,
        session: this._kernel.clientId,
        content: { comm_id: this._id, ...content },
      } as unknown as KernelMessage.IOptions<KernelMessage.ICommMsgMsg<"shell">>),
      false,
      true,
    );
  }

  private _take(_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void {
    if (KernelMessage.isCommMsgMsg(message) && message.content.comm_id === this._id) {
      this._hear(message.content.data as JSONObject);
    }
  }
}
