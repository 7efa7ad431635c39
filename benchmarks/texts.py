"""Programs of the shapes that are measured."""

from __future__ import annotations

import argparse
import inspect
import typing
from pathlib import Path

_STEP = '''\
# Step {i}: load and clean
df{i} = pd.DataFrame({{"a": [1, 2, {i}], "b": np.arange(3)}})
df{i}["c"] = df{i}["a"].map(lambda v: v * {i}) + df{i}.b  # note
print(f"step {{df{i}.shape}} done: {{df{i}.c.sum():.2f}}")

def normalise_{i}(frame, *, columns=("a", "c")):
    """Scale the columns to mean 0."""
    for name in columns:
        frame[name] = frame[name] - frame[name].mean()
    return frame

if df{i}.c.sum() > {i}:
    result_{i} = normalise_{i}(df{i})
else:
    result_{i} = df{i}.copy(); print("nothing to do")
summary_{i} = (
    result_{i}.groupby("b")
    .agg({{"c": "mean"}})
    .reset_index()
)
'''


def script(lines: int) -> str:
    """A data analysis of about so many lines, as models write them."""
    return "".join(_STEP.format(i=i) for i in range(round(lines / _STEP.count("\n"))))


def one_class(lines: int) -> str:
    """A single statement: a class of so many lines."""
    method = "    def f{i}(self, x):\n        y = x + 1\n        return [y, self.a]\n\n"
    return "class A:\n" + "".join(method.format(i=i) for i in range(lines // 4))


def string_literal(chars: int) -> str:
    """A string literal on one line, full of characters that mean something elsewhere."""
    return 'x = "' + "a;b " * (chars // 4) + '"\n'


def multiline_string(chars: int) -> str:
    """A triple-quoted string of so many characters."""
    return 'x = """' + "it's a # line;\n" * (chars // 15) + '"""\n'


def list_literal(lines: int) -> str:
    """A list literal of so many lines."""
    return "x = [\n" + "    1,\n" * lines + "]\n"


def modules() -> dict[str, str]:
    """Modules of the standard library, by name."""
    found = {}
    for module in (argparse, inspect, typing):
        path = Path(inspect.getfile(module))
        found[module.__name__] = path.read_text(encoding="utf-8")
    return found


def pieces_of(text: str, size: int = 4) -> list[str]:
    """Cut `text` into pieces of about a token each."""
    return [text[start : start + size] for start in range(0, len(text), size)]
