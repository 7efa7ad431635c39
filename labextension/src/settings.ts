/** The user's settings, which offer the models that there are. */

import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import type { JSONObject } from "@lumino/coreutils";

export class Settings {
  private _values: JSONObject = {};
  private _models: string[] = [];

  /**
   * @param changed - Told when the user has changed them.
   */
  constructor(
    private readonly _registry: ISettingRegistry,
    private readonly _id: string,
    private readonly _changed: () => void,
  ) {
    _registry.transform(_id, {
      fetch: (plugin) => {
        const model = plugin.schema.properties?.model;
        if (model && this._models.length > 0) {
          // One that was chosen and is gone is still to be seen, and to be changed.
          const gone = this.model ? [this.model] : [];
          model.enum = [...new Set(["", ...this._models, ...gone])];
        }
        return plugin;
      },
    });
  }

  /** Read them, and follow them. */
  async load(): Promise<void> {
    const settings = await this._registry.load(this._id);
    const read = () => {
      this._values = settings.composite as JSONObject;
      this._changed();
    };
    settings.changed.connect(read);
    read();
  }

  /** Have the editor of the settings offer models to choose from. */
  async offer(models: string[]): Promise<void> {
    this._models = models;
    await this._registry.reload(this._id);
  }

  /** The model that the user has chosen; empty: none. */
  get model(): string {
    return String(this._values.model ?? "").trim();
  }

  /** The gate mode that the user has chosen; empty: none. */
  get gate(): string {
    return String(this._values.gate ?? "");
  }
}
