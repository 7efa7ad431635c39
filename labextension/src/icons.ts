/** The icons of the commands. They follow JupyterLab's theme. */

import { LabIcon } from "@jupyterlab/ui-components";

/** A pen that writes what runs already. */
export const generateIcon = new LabIcon({
  name: "eager-kernel:generate",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
    <g class="jp-icon3" fill="#616161">
      <path d="M3 5v14l9-7z"/>
      <path d="M20.7 7.3l-2-2a1 1 0 0 0-1.4 0l-1.6 1.6 3.4 3.4 1.6-1.6a1 1 0 0 0 0-1.4z"/>
      <path d="M14.9 7.7L9.5 19.2 13 18.5l5.3-7.4z"/>
    </g>
  </svg>`,
});

/** A square, as JupyterLab's own for interrupts, in a colour of its own. */
export const stopIcon = new LabIcon({
  name: "eager-kernel:stop",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
    <path class="eager-stop-icon" d="M6 6h12v12H6z"/>
  </svg>`,
});
