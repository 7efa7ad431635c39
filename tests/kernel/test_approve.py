"""What a user approves runs without waiting; heard while the main thread is busy."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream

CHANNEL = "a-view-of-the-test"
# Stands where a view would: its comm's messages approve the runs of this kernel.
REGISTER = f"""
from eager_kernel.widget.channels import CHANNELS

def approve(message, kernel=get_ipython().kernel):
    if message["type"] == "approve":
        approve.heard = True
        for stream in kernel.streams.attached:
            stream.intake.approve()

approve.heard = False
CHANNELS.add({CHANNEL!r}, approve)
"""


@pytest.fixture(autouse=True)
def _registered(client: BlockingKernelClient) -> None:
    client.execute_interactive(REGISTER, timeout=60)


def approve(stream: WireStream) -> None:
    data = {"method": "custom", "content": {"type": "approve"}}
    stream.send("comm_msg", {"comm_id": CHANNEL, "data": data})


def held(stream: WireStream) -> list[dict[str, object]]:
    return [data for data in stream.heard.comm if data.get("state") == "held"]


def test_a_held_chunk_and_those_behind_it_run(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("print('one')\nimport time\nt = time.time()\nprint('two')\n# more\n")
    stream.listen(until=lambda heard: bool(held(stream)) and heard.text() == "one\n")
    stream.listen(0.3)  # in which no more is to come
    assert stream.heard.text() == "one\n"
    approve(stream)
    stream.listen(until=lambda heard: heard.text() == "one\ntwo\n")
    # Nothing that comes later is held either.
    before = len(held(stream))
    stream.delta("print(time.time() >= t)\nprint('three')\n")
    stream.listen(until=lambda heard: heard.text().endswith("True\nthree\n"))
    assert len(held(stream)) == before
    heard = stream.delta("'end'\n").end().finish()
    assert heard.displayed() == ["'end'"]
    assert heard.result["status"] == "ok"


def test_an_effect_that_waits_happens(client: BlockingKernelClient, work: Path) -> None:
    file = work / "file.txt"
    stream = WireStream(client).open(gate="wait").attach()
    stream.delta(f"print('before')\nopen({str(file)!r}, 'w').close()\nprint('after')\n")
    stream.listen(until=lambda heard: bool(held(stream)))
    assert not file.exists()
    approve(stream)
    stream.listen(until=lambda heard: heard.text() == "before\nafter\n")
    assert file.exists()
    assert stream.delta("1 +\n").end().finish().errors() == ["SyntaxError"]


def test_it_is_heard_while_the_program_spins(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("print('spins')\nwhile not approve.heard:\n    pass\n\nprint('heard')\n")
    stream.listen(until=lambda heard: heard.text() == "spins\n")
    approve(stream)
    heard = stream.end().finish()
    assert heard.text() == "spins\nheard\n"


def test_a_program_that_was_stopped_is_not_brought_back(
    client: BlockingKernelClient, work: Path
) -> None:
    file = work / "file.txt"
    stream = WireStream(client).open(gate="wait").attach()
    stream.delta(f"print('before')\nopen({str(file)!r}, 'w').close()\nprint('after')\n")
    stream.listen(until=lambda heard: bool(held(stream)))
    stream.data({"type": "cancel"})
    stream.listen(until=lambda heard: bool(heard.stops))
    approve(stream)
    assert stream.finish().result["status"] == "cancelled"
    assert stream.heard.text() == "before\n"
    assert not file.exists()
