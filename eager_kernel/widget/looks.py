"""How kinds of time look, for the page: ``python -m eager_kernel.widget.looks`` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from eager_kernel.core.figures.lanes import LOOKS


def looks() -> str:
    """The text of `js/looks.js`."""
    table = {
        kind: {"meaning": look.meaning, "colour": look.colour, "striped": bool(look.stripes)}
        for kind, look in LOOKS.items()
    }
    return f"{_HEAD}export const LOOKS = {json.dumps(table, indent=2, ensure_ascii=False)};\n"


_HEAD: Final = """\
// How kinds of time look: made of `LOOKS` in eager_kernel/core/figures/lanes.py by
// `python -m eager_kernel.widget.looks`.

"""

if __name__ == "__main__":
    text = looks()
    Path(__file__).with_name("js").joinpath("looks.js").write_text(text, encoding="utf-8")
