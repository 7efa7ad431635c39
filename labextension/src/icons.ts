/** The icons of the commands. They follow JupyterLab's theme. */

import { LabIcon } from "@jupyterlab/ui-components";

/** What runs, and the spark of what writes it. */
export const generateIcon = new LabIcon({
  name: "eager-kernel:generate",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
    <path class="jp-icon3" fill="#616161" d="M3 7v14l11-7z"/>
    <path class="eager-spark-icon"
      d="M17.5 1c.5 3.4 1.6 4.500 5 5-3.400.5-4.500 1.600-5 5-.5-3.400-1.600-4.500-5-5 3.400-.5 4.500-1.600 5-5z"/>
  </svg>`,
});

/** A square, as JupyterLab's own for interrupts, in a colour of its own. */
export const stopIcon = new LabIcon({
  name: "eager-kernel:stop",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
    <path class="eager-stop-icon" d="M6 6h12v12H6z"/>
  </svg>`,
});
