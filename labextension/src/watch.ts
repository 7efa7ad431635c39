/** Says when the active cell, its text or its kernel has changed. */

import type { Cell, ICellModel } from "@jupyterlab/cells";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";

export function watchActiveCell(tracker: INotebookTracker, changed: () => void): void {
  let watched: ICellModel | null = null;
  tracker.widgetAdded.connect((_: INotebookTracker, panel: NotebookPanel) => {
    panel.sessionContext.kernelChanged.connect(changed);
  });
  tracker.activeCellChanged.connect((_: INotebookTracker, cell: Cell | null) => {
    watched?.contentChanged.disconnect(changed);
    watched = cell?.model ?? null;
    watched?.contentChanged.connect(changed);
    changed();
  });
}
