"""``python -m eager_kernel.testing CORPUS``: run programs both ways and print the differences."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from eager_kernel.testing.laboratory import Laboratory
from eager_kernel.testing.programs import SPLITS, load


def main(arguments: list[str] | None = None) -> int:
    """Run a corpus. Returns 1 if there were differences."""
    parser = argparse.ArgumentParser(prog="python -m eager_kernel.testing", description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="+", help="corpus files, or folders of them")
    ways = [*SPLITS, "known"]
    parser.add_argument("--splits", nargs="+", choices=ways, default=ways, help="ways to cut")
    parser.add_argument("--only", default="", help="only programs whose name contains this")
    parser.add_argument("--seed", type=int, default=0, help="of random splits")
    parser.add_argument("--pace", type=float, help="seconds between deltas")
    parser.add_argument(
        "--on-error",
        choices=("drain", "stop"),
        default="drain",
        help="stop: as models are stopped; of programs that fail, the text is not compared",
    )
    parser.add_argument("--kernel", default="eager_python", help="kernelspec of the streams")
    options = parser.parse_args(arguments)
    programs = [
        program for path in options.corpus for program in load(path) if options.only in program.name
    ]
    differences = 0
    with Laboratory(eager=options.kernel, seed=options.seed) as laboratory:
        for program in programs:
            for split in options.splits:
                comparison = laboratory.compare(program, split, options.pace, options.on_error)
                if not comparison.same:
                    differences += 1
                    print(comparison.diff(), end="\n\n", flush=True)
    print(f"{len(programs)} programs × {len(options.splits)} splits, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
