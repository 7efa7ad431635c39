"""``python -m eager_kernel.testing CORPUS``: run programs both ways and print the differences.

A corpus is a file of programs (``*.txt``), a notebook (``*.ipynb``), or a folder of either.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eager_kernel.errors import EagerError
from eager_kernel.protocol import ON_ERROR
from eager_kernel.testing.laboratory import Comparison, Laboratory
from eager_kernel.testing.programs import SPLITS, Notebook, Program, load, load_notebooks


@dataclass
class Tally:
    """What came out.

    Parameters
    ----------
    compared
        How many comparisons there were.
    differences
        How many of them showed one.
    problems
        What could not be compared, and why.
    """

    compared: int = 0
    differences: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, comparison: Comparison) -> None:
        """Count a comparison, and show a difference."""
        if comparison.problem:
            self.problems.append(comparison.diff())
            return
        self.compared += 1
        if not comparison.same:
            self.differences += 1
            print(comparison.diff(), end="\n\n", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run a corpus. Returns 1 if there were differences, or programs that were not compared."""
    options = _parser().parse_args(arguments)
    try:
        programs, notebooks = _read(options.corpus, options.only, tuple(options.ignore))
    except (ValueError, EagerError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    tally = Tally()
    with Laboratory(eager=options.kernel, seed=options.seed, limit=options.limit) as laboratory:
        for comparison in _compare(laboratory, options, programs, notebooks):
            tally.take(comparison)
    for problem in tally.problems:
        print(problem)
    print(_sum_up(tally, programs, notebooks, len(options.splits)))
    return 1 if tally.differences or tally.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eager_kernel.testing", description=__doc__)
    parser.add_argument(
        "corpus", type=Path, nargs="+", help="corpus files, notebooks, or folders of them"
    )
    ways = [*SPLITS, "known"]
    parser.add_argument("--splits", nargs="+", choices=ways, default=ways, help="ways to cut")
    parser.add_argument("--only", default="", help="only programs whose name contains this")
    parser.add_argument("--seed", type=int, default=0, help="of random splits")
    parser.add_argument("--pace", type=float, help="seconds between deltas")
    parser.add_argument(
        "--on-error",
        choices=ON_ERROR,
        default="drain",
        help="stop: as models are stopped; of programs that fail, the text is not compared",
    )
    parser.add_argument(
        "--limit", type=float, default=30.0, help="seconds that a program or cell may take"
    )
    parser.add_argument(
        "--ignore",
        metavar="REGEX",
        action="append",
        default=[],
        help="text that may differ in notebooks, such as times; may be given several times",
    )
    parser.add_argument("--kernel", default="eager_python", help="kernelspec of the streams")
    return parser


def _read(
    corpus: list[Path], only: str, ignore: tuple[str, ...]
) -> tuple[list[Program], list[Notebook]]:
    programs: list[Program] = []
    notebooks: list[Notebook] = []
    for path in corpus:
        if path.is_dir() or path.suffix == ".ipynb":
            notebooks += load_notebooks(path, ignore)
        if path.suffix != ".ipynb":
            programs += load(path)
    if not programs and not notebooks:
        raise ValueError(
            f"there are no programs (*.txt) or notebooks in {', '.join(map(str, corpus))}"
        )
    return (
        [program for program in programs if only in program.name],
        [notebook for notebook in notebooks if only in notebook.name],
    )


def _compare(
    laboratory: Laboratory,
    options: argparse.Namespace,
    programs: list[Program],
    notebooks: list[Notebook],
) -> Iterator[Comparison]:
    for program in programs:
        for split in options.splits:
            yield laboratory.compare(program, split, options.pace, options.on_error)
    for notebook in notebooks:
        for split in options.splits:
            yield from laboratory.compare_notebook(notebook, split, options.pace)


def _sum_up(tally: Tally, programs: list[Program], notebooks: list[Notebook], splits: int) -> str:
    what = []
    if programs or not notebooks:
        what.append(f"{len(programs)} programs")
    if notebooks:
        cells = sum(len(notebook.cells) for notebook in notebooks)
        what.append(f"{len(notebooks)} notebooks ({cells} cells)")
    text = f"{' and '.join(what)} × {splits} splits, {tally.differences} differences"
    return text + (f", {len(tally.problems)} not compared" if tally.problems else "")


if __name__ == "__main__":
    sys.exit(main())
