"""Write corpus/doctests.txt: programs made of the examples in the standard library's docstrings.

Run as ``python tests/equivalence/make_doctests.py``. The output depends a little on the version of
Python; the committed file was made with 3.11. Expected outputs are dropped: what the stock kernel
gives is what counts.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import io
import re
from pathlib import Path

MODULES = [
    "ast",
    "bisect",
    "cmath",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "doctest",
    "enum",
    "fractions",
    "functools",
    "heapq",
    "html.parser",
    "inspect",
    "ipaddress",
    "itertools",
    "json",
    "json.decoder",
    "json.encoder",
    "linecache",
    "math",
    "numbers",
    "operator",
    "pickletools",
    "pprint",
    "random",
    "re",
    "reprlib",
    "shlex",
    "statistics",
    "string",
    "textwrap",
    "types",
    "typing",
    "urllib.parse",
    "weakref",
]
# What differs between two processes, or takes long, or changes the kernel itself.
UNWANTED = re.compile(
    r"0x|time\(|urandom|getpid|input\(|id\(|hash\(|_testing|__file__|sleep|open\(|exit|environ"
    r"|test\.|setrecursionlimit|doctest\.(set|register)|>>> *$|SystemRandom|set\(|\bgc\b|stdin"
)
PRIVATE = re.compile(r"\._[a-zA-Z]")  # may be absent from other versions of Python
MOST_PER_MODULE = 14
HEADER = "# Made by make_doctests.py: examples of the standard library's docstrings as programs.\n"


def main() -> None:
    """Write the corpus file."""
    found = [program for name in MODULES for program in programs_of(name)]
    path = Path(__file__).with_name("corpus") / "doctests.txt"
    path.write_text(HEADER + "".join(found), encoding="utf-8")


def programs_of(name: str) -> list[str]:
    """Make programs of the docstrings of a module."""
    module = importlib.import_module(name)
    tests = doctest.DocTestFinder(exclude_empty=True).find(module, name)
    programs = [
        program for test in tests if (program := program_of(name, test, module)) is not None
    ]
    return programs[:MOST_PER_MODULE]


def program_of(name: str, test: doctest.DocTest, module: object) -> str | None:
    """Make a program of one docstring, if it is the same whenever it runs."""
    if len(test.examples) < 2 or len(test.examples) > 40:
        return None
    if UNWANTED.search(test.docstring or "") or PRIVATE.search(test.name):
        return None
    star = f"from {name} import *"
    extra = [n for n in sorted(names_of(test)) if hasattr(module, n)]
    imports = [f"import {name}", star]
    if needed := [n for n in extra if n not in getattr(module, "__all__", extra)]:
        imports.append(f"from {name} import {', '.join(needed)}")
    # An error that an example expects would end the program.
    body = [e.source for e in test.examples if e.exc_msg is None]
    text = "\n".join(imports) + "\n" + "".join(body)
    if len(body) < 2 or (outputs := run(text)) is None or outputs != run(text):
        return None
    return f"# %% {test.name}\n{text}"


def names_of(test: doctest.DocTest) -> set[str]:
    """Collect the names that a docstring's examples use."""
    with contextlib.suppress(SyntaxError):
        tree = ast.parse("".join(example.source for example in test.examples))
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return set()


def run(text: str) -> str | None:
    """Run a program by single statements; None if it fails."""
    shown = io.StringIO()
    namespace: dict[str, object] = {"__name__": "__main__"}
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            for node in ast.parse(text).body:
                mode = ast.Interactive([node])
                exec(compile(mode, "<doctest>", "single"), namespace)
    except Exception:  # noqa: BLE001 - examples do what they like
        return None
    if re.search(r"0x[0-9a-f]{6}", shown.getvalue()):
        return None
    return shown.getvalue()


if __name__ == "__main__":
    main()
