"""``python -m benchmarks [SUITE ...] [--repeats N] [--json FILE]``.

And ``python -m benchmarks gate-programs --folder FOLDER``, whose programs are not in this
repository.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    barrier,
    chunker,
    gate,
    gate_programs,
    generation,
    interruption,
    kernel,
    sources,
    view,
)
from benchmarks.measure import Table, machine

_SUITES = {
    "chunker": chunker.run,
    "gate": gate.run,
    "barrier": barrier.run,
    "kernel": kernel.run,
    "interruption": interruption.run,
    "sources": sources.run,
    "generation": generation.run,
    "view": view.run,
}


def main() -> None:
    """Run the suites that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(_SUITES))
    parser.add_argument("--repeats", type=int, default=5, help="how often all is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the tables here")
    gate_programs.add_options(parser)
    arguments = parser.parse_args()
    suites: dict[str, Callable[[int], list[Table]]] = {
        **_SUITES,
        "gate-programs": lambda repeats: gate_programs.run(arguments),
    }
    unknown = set(arguments.suites) - set(suites)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(suites)}")
    if "gate-programs" in arguments.suites and arguments.folder is None:
        parser.error("gate-programs needs --folder")
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1")

    about = machine()
    print("\n".join(f"- {name}: {value}" for name, value in about.items()), flush=True)
    results: dict[str, list[Table]] = {}
    for name in arguments.suites or _SUITES:
        results[name] = suites[name](arguments.repeats)
        for table in results[name]:
            print("\n" + table.to_markdown(), flush=True)
    if arguments.json is not None:
        plain = {name: [table.to_dict() for table in tables] for name, tables in results.items()}
        text = json.dumps({**about, **plain}, indent=1, ensure_ascii=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
