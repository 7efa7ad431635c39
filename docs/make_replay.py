"""Record the runs that the site replays: ``python docs/make_replay.py``.

The bundled recording runs twice, each time in a fresh kernel: while it is written, and after it is
written. What the view of each run is told, and what the program printed, is kept with its times in
``start/replay.json``. `script` puts it together with the view's own code, which then shows it on a
page without a kernel.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from eager_kernel.cli.pace import replay
from eager_kernel.client import EagerClient
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.sources.recorded import load_recording
from eager_kernel.widget.module import module
from eager_kernel.widget.record import Record

HERE = Path(__file__).parent
KEPT = HERE / "start" / "replay.json"

Timed = list[tuple[float, dict[str, Any]]]
"""What happened, each with its seconds since the run began."""


def main() -> None:
    """Run the demo in both ways, and keep what is to be shown."""
    runs = [kept(name, *run(gate)) for name, gate in _RUNS]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in runs)
    KEPT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def run(gate: str) -> tuple[Timed, Timed]:
    """Run the demo; returns what a view hears, and what was printed."""
    extractor = make_extractor("auto")
    events: Timed = []
    printed: Timed = []

    def deltas() -> Iterator[str]:
        for text in replay(load_recording(None).deltas):
            code = "".join(event.text for event in extractor.feed(text) if isinstance(event, Code))
            events.append((time.monotonic() - start, {"type": "delta", "text": code}))
            yield text
        events.append((time.monotonic() - start, {"type": "end"}))

    def hear(event: dict[str, Any]) -> None:
        to = printed if event["type"] == "output" else events
        to.append((time.monotonic() - start, event))

    with EagerClient.start(extra_arguments=["--log-level=ERROR"]) as client:
        start = time.monotonic()
        result = client.run(deltas(), gate=gate, on_event=hear)
    assert result.status == "ok", result.error
    return sorted(events, key=lambda timed: timed[0]), printed


def kept(name: str, events: Timed, printed: Timed) -> dict[str, Any]:
    """What a page needs to show a run again.

    Parameters
    ----------
    name
        What to call it.
    events
        What a view hears of it.
    printed
        The program's outputs.
    """
    record = Record("recorded/demo")
    news: list[tuple[float, Any]] = []
    tick = 0.0
    waiting = list(events)
    while waiting:
        tick += _TICK
        while waiting and waiting[0][0] <= tick:
            at, event = waiting.pop(0)
            record.hear(event, at)
        if (fresh := record.news(tick)) is not None:
            news.append((round(tick, 3), fresh))
    texts = [(round(at, 3), _text(event["output"])) for at, event in printed]
    return {"name": name, "end": round(tick, 3), "news": news, "printed": texts}


def _text(output: dict[str, Any]) -> str:
    """What an output says as text; each begins a line of its own but what is printed."""
    if output["output_type"] == "stream":
        return str(output["text"])
    return str(output.get("data", {}).get("text/plain", "")) + "\n"


def script() -> str:
    """The page's script: the view's code, the player's, and the runs."""
    view = module().replace("export default ", "const widget = ").replace("\nexport ", "\n")
    player = (HERE / "_static" / "player.js").read_text(encoding="utf-8")
    # A page that is opened as a file can't load data; it can load scripts.
    runs = KEPT.read_text(encoding="utf-8").replace("</", "<\\/")
    return f"(() => {{\n{view}\n{player}\nplay({runs});\n}})();\n"


_RUNS: Final = (("While it is written", "effect"), ("After it is written", "serial"))
_TICK: Final = 0.08
"""Seconds between two news, as a page gets them."""


if __name__ == "__main__":
    main()
