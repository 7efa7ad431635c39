/** Runs code in a cell that is not the cell's text. */

import type { ISessionContext } from "@jupyterlab/apputils";
import type { CodeCell } from "@jupyterlab/cells";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import type { Kernel } from "@jupyterlab/services";

/** How a cell's execution went: it `ended`, well or not; or it was `lost`, as by a restart; or
 * nobody sent our code (`unsent`). */
export type Outcome = "ended" | "lost" | "unsent";

/**
 * Execute a cell as JupyterLab does, with its counts, times, signals and payloads, but for the code.
 */
export async function executeInCell(
  panel: NotebookPanel,
  cell: CodeCell,
  code: string,
): Promise<Outcome> {
  let done: Promise<unknown> | undefined;
  const context = withKernel(panel.sessionContext, (kernel) => ({
    requestExecute: {
      value: (...[content, ...more]: Parameters<Kernel.IKernelConnection["requestExecute"]>) => {
        const future = kernel.requestExecute({ ...content, code }, ...more);
        done = future.done;
        return future;
      },
    },
  }));
  await NotebookActions.runCells(panel.content, [cell], context);
  if (done === undefined) {
    return "unsent";
  }
  return done.then(
    () => "ended",
    () => "lost",
  );
}

/** The same session, with a kernel of which some properties are others. */
function withKernel(
  context: ISessionContext,
  change: (kernel: Kernel.IKernelConnection) => PropertyDescriptorMap,
): ISessionContext {
  const session = context.session;
  const kernel = session?.kernel;
  if (!session || !kernel) {
    return context;
  }
  const changed = Object.create(kernel, change(kernel)) as Kernel.IKernelConnection;
  return Object.create(context, {
    session: { value: Object.create(session, { kernel: { value: changed } }) },
  }) as ISessionContext;
}
