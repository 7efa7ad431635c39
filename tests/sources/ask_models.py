"""Ask several models of `transformers`, one after the other, and print what comes as JSON lines.

``python -m tests.sources.ask_models`` with a JSON list of ``[NAME, EXTRA]`` on stdin: a process of
its own, since the hub's client reads its address when it is imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from eager_kernel.errors import EagerError
from eager_kernel.sources.source import Message, Options, Progress, Request
from eager_kernel.sources.transformers import make_source

PROMPT = "Count slowly to five."


async def ask(name: str, extra: dict[str, Any]) -> dict[str, Any]:
    text: list[str] = []
    progress: list[tuple[str, float | None]] = []
    error = None
    try:
        source = make_source(name, Options(extra=extra))
        async for event in source.generate(Request((Message("user", PROMPT),))):
            if isinstance(event, str):
                text.append(event)
            elif isinstance(event, Progress):
                progress.append((event.text, event.fraction))
        await source.aclose()
    except EagerError as caught:
        error = f"{type(caught).__name__}: {caught}"
    return {"text": "".join(text), "progress": progress, "error": error}


if __name__ == "__main__":
    for name, extra in json.load(sys.stdin):
        sys.stdout.write(json.dumps(asyncio.run(ask(name, extra))) + "\n")
