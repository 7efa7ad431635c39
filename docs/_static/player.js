// Shows runs again that were recorded by `docs/make_replay.py`, in the view's own code.

/** A run whose time is the player's: it stands still where the player does. */
class Replayed extends Run {
  constructor(player) {
    super();
    this.player = player;
  }

  get now() {
    return this.live && this.player ? Math.max(this.at, this.player.at) : this.at;
  }
}

class Player {
  /**
   * @param {HTMLElement} el
   * @param {{name: string, end: number, news: [number, any][], printed: [number, string][]}[]} runs
   */
  constructor(el, runs) {
    this.runs = runs;
    this.chosen = runs[0];
    this.longest = Math.max(...runs.map((run) => run.end));
    this.playing = false;
    this.build(el);
    // All of it is there for those who play nothing.
    this.seek(this.longest);
  }

  build(el) {
    this.button = make("button", "er-button", { type: "button" }, "Play");
    this.button.addEventListener("click", () => this.toggle());
    this.slider = make("input", "er-slider", {
      type: "range", min: "0", max: String(this.longest), step: "0.05", "aria-label": "Seconds",
    });
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    this.clock = make("span", "er-clock");
    const choices = this.runs.map((run, i) => {
      const radio = make("input", "", { type: "radio", name: "er-run", value: String(i) });
      radio.checked = i === 0;
      radio.addEventListener("change", () => {
        this.chosen = run;
        this.seek(this.at);
      });
      return make("label", "er-choice", {}, radio, ` ${run.name}`);
    });
    this.stage = make("div", "er-stage");
    this.printed = make("pre", "er-printed", { tabindex: "0", "aria-label": "What the program printed" });
    el.replaceChildren(
      make("div", "er-choices", { role: "radiogroup", "aria-label": "When the program runs" }, ...choices),
      make("div", "er-controls", {}, this.button, this.slider, this.clock),
      this.stage,
      this.printed,
    );
  }

  toggle() {
    this.playing = !this.playing;
    if (this.playing) {
      if (this.at >= this.longest) this.seek(0);
      this.last = clock();
      requestAnimationFrame(() => this.step());
    }
    this.say();
  }

  step() {
    if (!this.playing) return;
    const now = clock();
    // A page that was hidden goes on where it was.
    this.go(Math.min(this.longest, this.at + Math.min(0.5, now - this.last)));
    this.last = now;
    if (this.at >= this.longest) this.playing = false;
    else requestAnimationFrame(() => this.step());
    this.say();
  }

  /** Show another moment, before or after. */
  seek(at) {
    this.view?.dispose();
    this.at = 0;
    this.next = 0;
    this.run = new Replayed(this);
    this.stage.replaceChildren();
    // Nobody hears what is asked of a kernel here; an adoption keeps the page from being scrolled.
    const keeper = { send() {}, page: null, wanted: false, adoption: {} };
    this.go(at);
    this.view = new View(this.run, this.stage, keeper);
    this.say();
  }

  /** Go on to a later moment. */
  go(at) {
    this.at = at;
    const { news, printed } = this.chosen;
    while (this.next < news.length && news[this.next][0] <= at) this.run.take(news[this.next++][1]);
    const text = printed.filter(([when]) => when <= at).map(([, said]) => said).join("");
    say(this.printed, withoutAnsi(text));
  }

  say() {
    say(this.button, this.playing ? "Pause" : this.at >= this.longest ? "Play again" : "Play");
    this.slider.value = String(this.at);
    const text = `${this.at.toFixed(1)} of ${this.chosen.end.toFixed(1)} s`;
    this.slider.setAttribute("aria-valuetext", text);
    say(this.clock, this.at > this.chosen.end ? `${this.chosen.end.toFixed(1)} s, done` : text);
  }
}

function play(runs) {
  for (const el of document.querySelectorAll(".eager-replay")) new Player(el, runs);
}
