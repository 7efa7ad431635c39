/** What the server's extension offers, by JupyterLab's own way to its server: with its base URL,
 * its login and its cookie against forged requests. */

import { ServerConnection } from "@jupyterlab/services";

import { Refusal } from "./refusal";

/** What the server has for a notebook's kernel. */
export interface Offer {
  /** The ids of the models that it asks; the first where nobody names one. */
  models: string[];
  /** Where they are listed, if this user may change that; else empty. */
  config_file: string;
  /** Whether somebody else runs the server for this user. */
  hub: boolean;
  /** Whether the server has the extension that asks models. */
  extension: boolean;
}

/** One question of a kernel's: whether the server asks its model for one cell. */
export interface Wanted {
  cell_id: string;
  model: string;
  requests: number;
}

/** What the text of a cell asks for. */
export interface CellText {
  /** Whether `%%eager` heads it (`prompt`), or it is another cell. */
  kind: "prompt" | "fix" | "attach" | "other";
  /** What is below the line of the magic. */
  prompt: string;
  /** The options that the line names. */
  options: Record<string, string | number | boolean>;
  /** What is wrong with the line, as the cell would say it; null: nothing. */
  error: string | null;
}

export class Server {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** What it offers. */
  async offer(): Promise<Offer> {
    const models = await this._ask("GET", "models");
    if (models.status === 404) {
      return { models: [], config_file: "", hub: false, extension: false };
    }
    const list = (await (await ok(models)).json()) as { id: string }[];
    const setup = (await (await ok(await this._ask("GET", "setup"))).json()) as Offer;
    return { ...setup, models: list.map(({ id }) => id), extension: true };
  }

  /** What the text of a cell asks for, by the parser that its kernel has. */
  async read(source: string): Promise<CellText> {
    const said = await this._ask("POST", "cells", JSON.stringify({ source }));
    if (said.status === 404 || said.status === 405) {
      throw new Refusal(
        "the EAGER extension of the Jupyter server is off, or older than this page: install the " +
          "package in the server's environment, and start the server again",
      );
    }
    const text = await (await ok(said)).text();
    const read = jsonOf(text) as CellText | undefined;
    if (typeof read?.kind !== "string") {
      throw new Refusal("the Jupyter server's answer is none that this page knows: reload the page");
    }
    return read;
  }

  /** Have a model answer what a kernel asks for a cell of this page. */
  async serve(kernelId: string, wanted: Wanted): Promise<void> {
    const { cell_id, model } = wanted;
    const requests = Math.min(wanted.requests, MOST_REQUESTS);
    const body = JSON.stringify({ kernel_id: kernelId, cell: "kernel", cell_id, model, requests });
    await ok(await this._ask("POST", "runs", body));
  }

  private async _ask(method: string, path: string, body?: string): Promise<Response> {
    const init = {
      method,
      ...(body === undefined ? {} : { body, headers: { "Content-Type": "application/json" } }),
    };
    try {
      const url = `${this._settings.baseUrl}eager/api/${path}`;
      return await ServerConnection.makeRequest(url, init, this._settings);
    } catch (error) {
      if (error instanceof ServerConnection.NetworkError) {
        throw new Refusal("the Jupyter server does not answer: is it still running?");
      }
      throw error;
    }
  }
}

/** The response, if it says that all is well. */
async function ok(response: Response): Promise<Response> {
  if (response.ok) {
    return response;
  }
  const said = (await messageOf(response)) ?? response.statusText;
  const hint = HINTS[response.status];
  throw new Refusal(`the Jupyter server says ${response.status}: ${said}${hint ? `. ${hint}` : ""}`);
}

/** The message of an error; null where it has none of Jupyter Server's form. */
async function messageOf(response: Response): Promise<string | null> {
  const said = jsonOf(await response.text()) as { message?: unknown } | undefined;
  return typeof said?.message === "string" ? said.message : null;
}

/** What a text says in JSON; undefined where it is none, as a proxy's page. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

const MOST_REQUESTS = 32;
const HINTS: Record<number, string> = {
  401: "Log in again, and reload the page",
  403: "Reload the page, as the login may have ended; if that does not help, you may not run this",
  429: "Wait until a run has ended, or stop one",
  503: "Restart the kernel if it goes on",
};
