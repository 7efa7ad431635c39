// The notebook in which a view is shown, where the page lets us reach it: the widget managers of
// JupyterLab and Notebook know it. Elsewhere a view does without.

const VIEW = "application/vnd.jupyter.widget-view+json";

/** The notebook of a page. */
export class NotebookPage {
  /**
   * The one that shows a widget; null where it can't be reached.
   * @param {any} model What anywidget gives of the widget's model.
   */
  static of(model) {
    const context = model.widget_manager?.context;
    const reaches = context?.model?.cells?.get && context?.sessionContext;
    return reaches ? new NotebookPage(context) : null;
  }

  constructor(context) {
    this.context = context;
  }

  get kernel() {
    return this.context.sessionContext.session?.kernel ?? null;
  }

  /**
   * Where a run is shown: its live view, or what was kept of it.
   * @param {string} id The run's.
   * @returns {{cell: any, row: number, at: number, live: boolean} | null}
   */
  find(id) {
    const { cells } = this.context.model;
    for (let row = 0; row < cells.length; row++) {
      const { outputs } = cells.get(row);
      for (let at = 0; at < (outputs?.length ?? 0); at++) {
        const { data, metadata } = outputs.get(at);
        const live = data[VIEW]?.model_id === id;
        if (live || metadata?.eager?.id === id) return { cell: cells.get(row), row, at, live };
      }
    }
    return null;
  }

  /**
   * Put what is kept of a run into the place of its live view, which is gone when its kernel is.
   * @param {string} id
   * @param {object} data A MIME bundle.
   * @param {object} [metadata] Of the output.
   */
  keep(id, data, metadata = { eager: { id } }) {
    const place = this.find(id);
    if (place?.live) {
      place.cell.outputs.set(place.at, { output_type: "display_data", data, metadata });
    }
  }

  /** Put a program into a new cell below a run. */
  insertBelow(id, source) {
    const place = this.find(id);
    if (!place) return false;
    this.context.model.sharedModel.insertCell(place.row + 1, { cell_type: "code", source });
    return true;
  }
}

/**
 * Brings what a run shows into the notebook of a page that has not sent the cell's request: it was
 * loaded again while the run went on, or is a second one. JupyterLab passes such messages over.
 */
export class Adoption {
  /**
   * @param {NotebookPage} page
   * @param {string} id The run's.
   * @param {string} request The id of the cell's request.
   * @param {() => void} done Told when the cell has ended.
   */
  constructor(page, id, request, done) {
    Object.assign(this, { page, id, request, done });
    this.displays = new Map();
    this.clears = false;
    this.waiting = []; // messages that came before those that were missed
    this.missed = [];
    this.kernel = page.kernel;
    this.kernel.iopubMessage.connect(this.hear, this);
    this.mark("running");
  }

  hear(_, message) {
    if (message.parent_header?.msg_id !== this.request) return;
    if (this.waiting) this.waiting.push(message);
    else this.apply(message);
  }

  /**
   * Take what was shown before this page came, or a part of it.
   * @param {{messages: any[] | null, more: boolean}} answer
   * @returns {string | null} The id of the last message, if there are more to be asked for.
   */
  catchUp({ messages, more }) {
    if (!this.waiting) return null;
    this.missed.push(...(messages ?? []));
    if (messages?.length && more) return messages[messages.length - 1].header.msg_id;
    if (messages) {
      const place = this.page.find(this.id);
      // The view stays as it is; all else is put there anew.
      place?.cell.outputs.fromJSON([place.cell.outputs.get(place.at).toJSON()]);
      this.missed.forEach((message) => this.apply(message));
    }
    const known = new Set(this.missed.map((message) => message.header.msg_id));
    const { waiting } = this;
    this.waiting = null;
    this.missed = [];
    waiting.filter((message) => !known.has(message.header.msg_id)).forEach((m) => this.apply(m));
    return null;
  }

  apply({ header, content }) {
    const place = this.page.find(this.id);
    if (!place) return;
    const { outputs } = place.cell;
    const { msg_type: type } = header;
    if (type === "status") {
      if (content.execution_state === "idle") this.end();
    } else if (type === "clear_output") {
      this.clears = true;
      if (!content.wait) this.clear(place);
    } else if (type === "update_display_data") {
      this.update(place, content);
    } else if (["stream", "display_data", "execute_result", "error"].includes(type)) {
      if (content.data?.[VIEW]?.model_id === this.id) return; // the view is there
      if (this.clears) this.clear(place);
      const { transient, ...rest } = content;
      outputs.add({ ...rest, output_type: type });
      const display = transient?.display_id;
      if (display) {
        this.displays.set(display, [...(this.displays.get(display) ?? []), outputs.length - 1]);
      }
    }
  }

  update(place, { data, metadata, transient }) {
    if (metadata?.eager?.id === this.id) {
      this.page.keep(this.id, data, metadata);
      return;
    }
    for (const at of this.displays.get(transient?.display_id) ?? []) {
      place.cell.outputs.set(at, { output_type: "display_data", data, metadata });
    }
  }

  clear(place) {
    this.clears = false;
    this.displays.clear();
    place.cell.outputs.fromJSON([place.cell.outputs.get(place.at).toJSON()]);
  }

  /** Give the cell its count, or a star. */
  mark(state, count) {
    const cell = this.page.find(this.id)?.cell;
    if (!cell) return;
    if (count !== undefined) cell.executionCount = count;
    if ("executionState" in cell) cell.executionState = state;
  }

  end() {
    this.kernel.iopubMessage.disconnect(this.hear, this);
    this.done();
  }
}
