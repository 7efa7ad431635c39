"""The page's module: one file of JavaScript, of several short ones, without a build.

anywidget takes one. Each file imports what it uses of those before it, by name, for its readers and
its tools; here they become one scope.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

FILES: Final = (
    "looks.js",
    "text.js",
    "python.js",
    "run.js",
    "dom.js",
    "notebook.js",
    "kept.js",
    "view.js",
    "index.js",
)
"""In the order in which they need each other."""


def module() -> str:
    """The text of the module."""
    folder = Path(__file__).parent / "js"
    return "\n".join(_IMPORT.sub("", (folder / name).read_text(encoding="utf-8")) for name in FILES)


_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
