/** Which notebooks have an EAGER kernel. */

import type { NotebookPanel } from "@jupyterlab/notebook";
import type { Kernel } from "@jupyterlab/services";

const NAME = "eager_python";

/** Kernels that were asked what they are, and what they said. */
const known = new WeakMap<Kernel.IKernelConnection, boolean>();

/**
 * Whether a notebook's kernel is one: by the name of its kernelspec, or by what it says of itself.
 *
 * @param changed - Told if that turns out later.
 */
export function isEager(panel: NotebookPanel, changed: () => void): boolean {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    return false;
  }
  if (kernel.name !== NAME && !known.has(kernel)) {
    known.set(kernel, false);
    void kernel.info.then(
      ({ implementation }) => {
        known.set(kernel, implementation === NAME);
        changed();
      },
      () => known.delete(kernel), // it has ended; if it comes back, it is asked again
    );
  }
  return kernel.name === NAME || known.get(kernel) === true;
}
