"""``%%eager --from`` gives what the same program gives as a cell of a stock kernel."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eager_kernel.protocol import OnError
from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer
from eager_kernel.testing import Laboratory, Program, load
from eager_kernel.testing.wire import WireStream
from tests.magics.conftest import KERNELS

CORPUS = Path(__file__).parents[1] / "equivalence" / "corpus"
FILES = ("basics", "figures", "io", "magics", "source", "tracebacks")
# A few of each file, without what looks like markup: tests/equivalence runs them all as streams.
PROGRAMS = [
    program
    for name in FILES
    for program in load(CORPUS / f"{name}.txt")[::30]
    if not program.silent and not re.search("```|<", program.text)
]
LOAD = "get_ipython().extension_manager.load_extension('eager_kernel')"


class Prompts(Laboratory):
    """Has programs come from recordings, at their pace."""

    def _start(self) -> None:
        super()._start()
        _, client = self._kernels[1]
        client.execute_interactive(LOAD, silent=True, timeout=60)
        self._folder = Path(tempfile.mkdtemp())

    def _send(  # noqa: PLR0917 - as its base
        self,
        stream: WireStream,
        program: Program,
        split: str,
        pace: float,
        on_error: OnError,
        options: dict[str, Any],
    ) -> None:
        pieces = self.cut(program, split)
        deltas = tuple(TimedDelta(pace * at, piece) for at, piece in enumerate(pieces))
        file = self._folder / "program.jsonl"
        file.write_text(format_answer(RecordedAnswer(deltas, "stop")))
        stream.execute(f"%%eager --from {file}\n", **options)


@pytest.fixture(scope="module", params=KERNELS)
def laboratory(request: pytest.FixtureRequest) -> Iterator[Prompts]:
    arguments = ("--EagerRun.on_error=drain", "--EagerModel.view=False")
    with Prompts(eager=request.param, arguments=arguments) as laboratory:
        yield laboratory


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_recording_runs_as_a_cell(laboratory: Prompts, program: Program) -> None:
    comparison = laboratory.compare(program, "tokens")
    assert comparison.same, comparison.diff()
