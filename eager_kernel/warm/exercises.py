"""The exercise of a template: what the first use of a library computes and keeps for the process.

It leaves nothing that a program could see, but that its own first use takes less time.
"""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any


def run() -> None:
    """Use the libraries that are there, as programs do first."""
    for name, exercise in _EXERCISES.items():
        if name in sys.modules:
            exercise()


def _numpy() -> None:
    numpy: Any = importlib.import_module("numpy")
    table = numpy.arange(12.0).reshape(3, 4)
    repr(table.sum(axis=0)), repr(table.mean()), repr(numpy.sort(table, axis=None)[::-1])


def _pandas() -> None:
    pandas: Any = importlib.import_module("pandas")
    text = "day,kind,count\n2024-01-01,a,3\n2024-01-02,b,1\n2024-01-03,a,2\n"
    frame = pandas.read_csv(io.StringIO(text), parse_dates=["day"]).sort_values("count")
    frame.groupby("kind")["count"].agg(["sum", "mean"])
    frame.merge(frame, on="kind").describe()
    repr(frame), frame._repr_html_(), frame.to_string()


def _figure() -> None:
    # Without pyplot, whose state a program would see: its backend is chosen with the first figure.
    figure: Any = importlib.import_module("matplotlib.figure").Figure(figsize=(3, 2))
    agg = importlib.import_module("matplotlib.backends.backend_agg")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([1, 2, 3], [2, 1, 3], label="a")
    axes.bar([1, 2, 3], [1, 2, 1])
    axes.set(title="Title", xlabel="x", ylabel="y")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")


_EXERCISES = {"numpy": _numpy, "pandas": _pandas, "matplotlib": _figure}
