"""A source that says what a script has it say, and notes what it was asked.

The tests install it as a package of its own. ``scripted/FILE``: the file holds a JSON object, of
which ``answers`` is a list: the k-th for attempt k, the last for all after it. It is read anew for
each request, so that one process does for many tests. An answer is a list of steps:

- a string: text;
- ``["wait", PATH]``: until there is such a file;
- ``["finish", REASON]``;
- ``["fail", MESSAGE]``: a `SourceError`;
- ``["die"]``: the process ends;
- ``["begun", PATH]``: make a file.

What was asked is appended to ``LOG.asked``, a JSON object a line, and to ``LOG.closed`` a line
for each answer that was given up, where ``log`` in the script is LOG.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path

from eager_kernel.errors import SourceError
from eager_kernel.sources.source import Event, Finish, Options, Request, Usage


def make_source(name: str, options: Options) -> Scripted:
    return Scripted(name)


class Scripted:
    def __init__(self, name: str) -> None:
        self._name = name

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        script = json.loads(Path(self._name).read_text())
        answers, log = script["answers"], script["log"]
        with Path(f"{log}.asked").open("a") as file:
            file.write(json.dumps({**asdict(request), "pid": os.getpid()}) + "\n")
        done = False
        try:
            for step in answers[min(request.attempt, len(answers) - 1)]:
                match step:
                    case str():
                        yield step
                        await asyncio.sleep(0)
                    case ["wait", path]:
                        while not Path(path).exists():
                            await asyncio.sleep(0.005)
                    case ["begun", path]:
                        Path(path).touch()
                    case ["finish", reason]:
                        yield Finish(reason, Usage(3, 5))
                    case ["fail", message]:
                        raise SourceError(message)
                    case ["die"]:
                        os._exit(7)
            done = True
        finally:
            if not done:
                with Path(f"{log}.closed").open("a") as file:
                    file.write("closed\n")

    async def aclose(self) -> None:
        pass
