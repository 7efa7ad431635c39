/** Tells each EAGER kernel what this page has for it, and does what it asks of the page. */

import type { NotebookPanel } from "@jupyterlab/notebook";
import type { Kernel } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";

import { Comm } from "./comm";
import { isEager } from "./kernels";
import { Refusal } from "./refusal";
import { showView } from "./view";
import type { Server, Wanted } from "./server";

/** What the page does for a kernel. */
export interface Host {
  /** What it offers, and what the user has chosen in the settings. */
  offer: () => JSONObject;
  /** Whether this page runs a cell, by a request of this id; the answer is yes once. */
  runs: (panel: NotebookPanel, cellId: string, request: string) => boolean;
  /** A notebook's kernel has ended. */
  lost: (panel: NotebookPanel) => void;
  /** A program has ended that is to be its cell's text. */
  fillIn: (panel: NotebookPanel, cellId: string, program: string) => void;
}

export class Pages {
  private readonly _comms = new WeakMap<NotebookPanel, { comm: Comm; kernel: string }>();

  constructor(
    private readonly _server: Server,
    private readonly _host: Host,
  ) {}

  /** Tell a notebook's kernel, if it is an EAGER one, and each one that comes after it. */
  watch(panel: NotebookPanel): void {
    const context = panel.sessionContext;
    const look = () => this._look(panel);
    context.kernelChanged.connect(look);
    context.statusChanged.connect((_, status) => {
      if (status === "restarting" || status === "autorestarting") {
        this._comms.delete(panel); // the next kernel knows nothing of it
        this._host.lost(panel);
      } else if (status === "idle" || status === "busy") {
        look();
      }
    });
    panel.disposed.connect(() => this._comms.get(panel)?.comm.dispose());
    look();
  }

  /** Tell a notebook's kernel something; false if it can't be told. */
  tell(panel: NotebookPanel, data: JSONObject): boolean {
    this._look(panel);
    const there = this._comms.get(panel);
    there?.comm.send(data);
    return there !== undefined;
  }

  private _look(panel: NotebookPanel): void {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel || !isEager(panel, () => this._look(panel))) {
      return;
    }
    if (this._comms.get(panel)?.kernel !== kernel.id) {
      const hear = (data: JSONObject) => void this._hear(panel, kernel, data);
      const comm = new Comm(kernel, TARGET, this._host.offer(), hear);
      this._comms.set(panel, { comm, kernel: kernel.id });
    }
  }

  private async _hear(
    panel: NotebookPanel,
    kernel: Kernel.IKernelConnection,
    data: JSONObject,
  ): Promise<void> {
    if (data.type === "want") {
      const wanted = data as unknown as Wanted & { request: string };
      if (this._host.runs(panel, wanted.cell_id, wanted.request)) {
        await this._serve(panel, kernel, wanted);
      }
    } else if (data.type === "running") {
      const { cell_id, view } = data as { cell_id: string; view: string };
      showView(panel, cell_id, view);
    } else if (data.type === "program") {
      const { cell_id, program } = data as { cell_id: string; program: string };
      this._host.fillIn(panel, cell_id, program);
    }
  }

  private async _serve(
    panel: NotebookPanel,
    kernel: Kernel.IKernelConnection,
    wanted: Wanted,
  ): Promise<void> {
    const { cell_id } = wanted;
    this.tell(panel, { type: "heard", cell_id });
    try {
      await this._server.serve(kernel.id, wanted);
    } catch (error) {
      if (!(error instanceof Refusal)) {
        throw error;
      }
      this.tell(panel, { type: "refused", cell_id, message: error.message });
    }
  }
}

const TARGET = "eager.page";
