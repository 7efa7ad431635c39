// Elements, whose text may be hostile.

import { visible } from "./text.js";

/**
 * Make an element.
 * @param {string} tag
 * @param {string} [className]
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 */
export function make(tag, className = "", attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Put text that may be hostile into an element. */
export function write(element, text) {
  for (const part of visible(text)) {
    element.append(part.hidden ? make("span", "ev-escape", {}, part.text) : part.text);
  }
}

/** Set text if it is another: what is unchanged need not be drawn again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Copy text; whether the browser has let us. */
export async function toClipboard(text, root) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or no secure page: as it was done before.
    const area = make("textarea", "ev-sr");
    area.value = text;
    root.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
