/** What the server's extension offers, by JupyterLab's own way to its server: with its base URL,
 * its login and its cookie against forged requests. */

import { ServerConnection } from "@jupyterlab/services";

import { Refusal } from "./options";
import type { Prompt } from "./prompt";

/** A run that has begun. */
export interface Run {
  id: string;
  comm_id: string;
}

export class Server {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** Have a model asked, for a cell of this page. */
  async begin(kernelId: string, prompt: Prompt): Promise<Run> {
    const body = JSON.stringify({ ...prompt, kernel_id: kernelId, cell: "page" });
    const response = await this._ask("POST", "runs", body);
    if (response.status === 404) {
      await this._explainMissing(response.clone(), prompt.model);
    }
    return (await ok(response)).json() as Promise<Run>;
  }

  /** Stop a run; one that is over already is no error. */
  async stop(run: Run): Promise<void> {
    const response = await this._ask("DELETE", `runs/${encodeURIComponent(run.id)}`);
    if (response.status !== 404) {
      await ok(response);
    }
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
        throw new Refusal("The server does not answer. Is it still running, and the network there?");
      }
      throw error;
    }
  }

  /** Say what is not there, where a model is what is missing, or the extension. */
  private async _explainMissing(response: Response, model: string | undefined): Promise<void> {
    const said = await messageOf(response);
    if (said !== null && !said.startsWith("model:")) {
      return;
    }
    const list = await this._ask("GET", "models");
    if (list.status === 404) {
      throw new Refusal(
        "The Jupyter server has no extension eager_kernel, which asks the models. Install " +
          "eager-kernel where the server runs, start the server again, and see " +
          "jupyter server extension list.",
      );
    }
    const ids = ((await (await ok(list)).json()) as { id: string }[]).map(({ id }) => id);
    throw new Refusal(
      ids.length === 0
        ? "No model is configured. Whoever deploys the server lists them in " +
            "c.EagerServer.models, in jupyter_server_config.py."
        : `The server does not ask the model ${model}. It asks: ${ids.join(", ")}. Name one of ` +
            "these in the cell or in the settings, or none for the first.",
    );
  }
}

/** The response, if it says that all is well. */
async function ok(response: Response): Promise<Response> {
  if (response.ok) {
    return response;
  }
  const said = (await messageOf(response)) ?? response.statusText;
  const hint = HINTS[response.status];
  throw new Refusal(`The server says ${response.status}: ${said}${hint ? `\n${hint}` : ""}`);
}

/** The message of an error; null where it has none of Jupyter Server's form. */
async function messageOf(response: Response): Promise<string | null> {
  const text = await response.text();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" && message !== "Not Found" ? message : null;
  } catch (error) {
    if (error instanceof SyntaxError) {
      return null; // a page, as of a proxy
    }
    throw error;
  }
}

const HINTS: Record<number, string> = {
  401: "Log in again, and reload the page.",
  403: "Reload the page: the login may have ended. If that does not help, you may not run this.",
  429: "Wait until a run has ended, or stop one.",
};
