"""Lines of a cell, against what IPython makes of it."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.text.cell_lines import line_in_text


@pytest.mark.parametrize(
    "code",
    [
        "a = 1\nMARK",
        "\n  \n\t\na = 1\nMARK",
        "!echo \\\n  a\nMARK\nb = 1\n",
        "%pwd \\\n  \\\n\na = 1\nMARK",
        "\n\nx = !ls \\\n-l\n\ny = %pwd \\\n\\\n -a\n# c \\\nMARK\n",
        "a = 1 + \\\n  2\nMARK",
        "if 1:\n    !ls \\\n      -l\n    MARK\n",
        "a, b[0] = %magic \\\n  x\nMARK",
        "!a \\\r\n  b\r\nMARK\r\n",
        "MARK\n!a \\\n  b\n",
        "s = 'x \\\n y'\n!ls\nMARK",
    ],
)
def test_the_line_of_what_ipython_made_of_it(code: str) -> None:
    python = TransformerManager().transform_cell(code)
    line = next(n for n, text in enumerate(python.splitlines(), 1) if "MARK" in text)
    chunker = Chunker()
    chunks = [*chunker.feed(code), *chunker.close()]
    found = line_in_text(line, code, chunks)
    assert "MARK" in code.splitlines()[found - 1]
