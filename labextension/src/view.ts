/** The view of a run that this page has not begun, in a notebook that was saved before it began. */

import { CodeCell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";

/** Show the view of a running cell, unless it is there; it brings the rest by itself. */
export function showView(panel: NotebookPanel, cellId: string, view: string): void {
  const cell = panel.content.widgets.find(({ model }) => model.id === cellId);
  if (!(cell instanceof CodeCell)) {
    return;
  }
  const { outputs } = cell.model;
  for (let i = 0; i < outputs.length; i++) {
    const shown = outputs.get(i).data[MIME] as { model_id?: string } | undefined;
    if (shown?.model_id === view) {
      return;
    }
  }
  // What an earlier run has shown is gone, as in the page that has begun this one. Only then is the
  // cell trusted, which JupyterLab does when a page runs it: what comes now is the kernel's.
  outputs.clear();
  cell.model.trusted = true;
  outputs.fromJSON([
    {
      output_type: "display_data",
      data: {
        [MIME]: { model_id: view, version_major: 2, version_minor: 0 },
        "text/plain": "The run goes on.",
      },
      metadata: {},
    },
  ]);
}

const MIME = "application/vnd.jupyter.widget-view+json";
