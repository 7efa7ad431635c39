"""A model that works in steps: a value, an error, a figure, an answer.

``python tests/scene.py FOLDER`` makes a real model that knows it by heart.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any, Final

from tests.sources.providers import OpenAI
from tests.sources.server import Connection, Server

PROMPT: Final = "Which month sold least?"
PROGRAMS: Final = (
    "sales = {'Jan': 120, 'Feb': 140, 'Mar': 80}\nprint(len(sales))\nsum(sales.values())\n",
    "least = min(sales, key=sales.get)\nsales[least] / sales['Dec']\n",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
    "_ = plt.bar(list(sales), list(sales.values()))\n_ = plt.title('Sales')\n",
)
ANSWER: Final = "March sold least: **80**."
ANSWERS: Final = (*(f"```python\n{program}```\n" for program in PROGRAMS), ANSWER)
KEY: Final = "a-key-of-the-tests-1234567890"


class Scene:
    """An OpenAI-compatible server on loopback that answers so, in a thread.

    Parameters
    ----------
    pause
        Seconds between two pieces of a few characters.
    """

    def __init__(self, pause: float = 0.0) -> None:
        self.asked: list[dict[str, Any]] = []
        self._pause = pause
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = Server(self._answer)
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(20)
        self.url = f"{self._server.url}/v1"

    async def _answer(self, connection: Connection) -> None:
        speaks, body = OpenAI(), connection.asked.body
        self.asked.append(body)
        number = sum(message["role"] == "assistant" for message in body["messages"])
        text = ANSWERS[min(number, len(ANSWERS) - 1)]
        await connection.begin()
        for at in range(0, len(text), 6):
            await connection.send(speaks.text(text[at : at + 6]))
            await asyncio.sleep(self._pause)
        for piece in speaks.end():
            await connection.send(piece)
        await connection.end()

    def close(self) -> None:
        """End it."""
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def make(folder: Path) -> None:
    """Teach a tiny model the scene: it goes by how many messages there are."""
    from tests.tiny_model import make_model

    said: list[dict[str, str]] = [{"role": "system", "content": ""}]
    conversations = []
    for answer in ANSWERS:
        said.append({"role": "user", "content": PROMPT})
        conversations.append((tuple(said), answer))
        said.append({"role": "assistant", "content": answer})
    make_model(folder, conversations, by_steps=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
