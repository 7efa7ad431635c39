"""What two ways to run a program showed and left, compared."""

from __future__ import annotations

import ast
import difflib
import json
import pprint
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eager_kernel.client import EagerClient, RunResult
from eager_kernel.testing import normalise


@dataclass(frozen=True, slots=True)
class Shown:
    """What a user sees of a cell, and finds after it.

    Parameters
    ----------
    outputs
        The outputs, without what no two runs have in common.
    error
        Name and message of the error; empty without one.
    files
        Size and hash of each file in the working directory; empty where nobody looked.
    """

    outputs: list[Any]
    error: str = ""
    files: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, result: RunResult, files: dict[str, list[Any]] | None = None) -> Shown:
        """What a cell gave."""
        # A traceback has the name of the kernel's process in it, and is long: the error says it.
        kept = [output for output in result.outputs if output["output_type"] != "error"]
        error = result.error
        return cls(
            normalise.scrub(normalise.outputs(kept)),
            str(normalise.scrub(f"{error.ename}: {error.evalue}")) if error else "",
            files or {},
        )


def difference(serial: Shown, eager: Shown) -> str:
    """How the eager way differs from the serial one, a few lines; empty where it does not."""
    if serial == eager:
        return ""
    found: list[str] = []
    if serial.error != eager.error:
        found += [f"- {serial.error or 'no error'}", f"+ {eager.error or 'no error'}"]
    found += _lines(serial.outputs, eager.outputs)
    if serial.files != eager.files:
        changed = sorted(
            name
            for name in {*serial.files, *eager.files}
            if serial.files.get(name) != eager.files.get(name)
        )
        found.append(f"files: {', '.join(changed)}")
    cut = found[:_LINES] + ["…"] * (len(found) > _LINES)
    return "\n".join(line[:_WIDTH] for line in cut)


def _lines(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    if before == after:
        return []
    old, new = (_text(side).splitlines() for side in (before, after))
    return list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]


def _text(outputs: Sequence[Any]) -> str:
    """Outputs as lines: text as it is, the rest as it is written in Python."""
    return "\n".join(
        content["text"] if kind == "stream" else f"{kind}: {pprint.pformat(content, width=_WIDTH)}"
        for kind, content in outputs
    )


def files_of(client: EagerClient) -> dict[str, list[Any]]:
    """Size and hash of each file in a kernel's working directory, links and hidden ones left out.

    What the kernel answers with is taken for no more than data.
    """
    result = client.execute(
        "", silent=True, store_history=False, user_expressions={"files": _EXPRESSION}
    )
    answer = result.reply.get("user_expressions", {}).get("files", {})
    if answer.get("status") != "ok":
        return {}
    found: dict[str, list[Any]] = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
    return found


HASHED: Final = 64 << 20
"""Bytes of a file that its hash is made of."""
LISTING: Final = """\
def listing(most):
    import hashlib, json, os
    found = {}
    for above, folders, names in os.walk("."):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for name in names:
            path = os.path.relpath(os.path.join(above, name))
            if name.startswith(".") or os.path.islink(path) or not os.path.isfile(path):
                continue
            size = os.path.getsize(path)
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read(most)).hexdigest()
            found[path] = [size, digest]
    return json.dumps(found, sort_keys=True)
"""
"""Source of a function that says in JSON what files are there."""
# One expression, which leaves no name behind.
_EXPRESSION: Final = (
    f"(lambda space: (exec({LISTING!r}, space), space['listing']({HASHED}))[1])({{}})"
)
_LINES: Final = 40
_WIDTH: Final = 160
