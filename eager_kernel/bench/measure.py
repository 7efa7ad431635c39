"""Repeated measurements, their ratios, and tables of them."""

from __future__ import annotations

import gc
import math
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Samples:
    """The seconds that repetitions of one thing took."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The least disturbed repetition."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The usual repetition."""
        return statistics.median(self.seconds)

    def percentile(self, percent: float) -> float:
        """The smallest sample that at least `percent` % of the samples do not exceed."""
        ranked = sorted(self.seconds)
        return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results.

    Parameters
    ----------
    title
        What was measured.
    notes
        What the figures mean, a paragraph each.
    header
        Names of the columns.
    rows
        Cells as they are shown.
    samples
        The seconds measured, by what they were measured of.
    ratios
        Ratios of what was measured in one run, by name: what may be compared with another
        machine's.
    """

    title: str
    notes: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    samples: dict[str, tuple[float, ...]] = field(default_factory=dict)
    ratios: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def to_markdown(self) -> str:
        """The table as Markdown."""
        lines = [f"### {self.title}", ""]
        for note in self.notes:
            lines += [note, ""]
        body = [self.header, tuple("---" for _ in self.header), *self.rows]
        lines += ["| " + " | ".join(row) + " |" for row in body]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Table:
        """The table that `to_dict` made `plain` of, by way of JSON."""
        return cls(
            plain["title"],
            tuple(plain["notes"]),
            tuple(plain["header"]),
            tuple(map(tuple, plain["rows"])),
            *(
                {name: tuple(v) for name, v in plain[kind].items()}
                for kind in ("samples", "ratios")
            ),
        )


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of at least one value."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    first, second, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, second, third


def spread(values: Sequence[float], scale: float = 100, digits: int = 1) -> str:
    """``median [lower quartile, upper quartile]``; a dash where there are none.

    Parameters
    ----------
    values
        The values.
    scale
        What they are multiplied with; default: they are shown as per cent.
    digits
        Behind the point.
    """
    if not values:
        return "-"
    low, middle, high = (f"{value * scale:.{digits}f}" for value in quartiles(values))
    return f"{middle} [{low}, {high}]"


def timed(action: Callable[[], object]) -> float:
    """Seconds that `action` takes, without garbage collections and the end of its result."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - start
    finally:
        gc.enable()
    del result
    return seconds


def alternate(actions: Sequence[Callable[[], float]], repeats: int) -> list[Samples]:
    """Repeat measurements in turn, so that a disturbance hits all of them alike.

    Parameters
    ----------
    actions
        Each measures once, and returns the seconds.
    repeats
        How often each is called; once more before that does not count.
    """
    rounds = [[action() for action in actions] for _ in range(repeats + 1)]
    return [Samples(column) for column in zip(*rounds[1:], strict=True)]


def exponent(sizes: Iterable[float], costs: Iterable[float]) -> float:
    """The least-squares slope of log cost against log size: 1 is linear, 2 quadratic."""
    return statistics.linear_regression(
        list(map(math.log, sizes)), list(map(math.log, costs))
    ).slope


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "machine": f"{platform.machine()}, {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: version(package) for package in _PACKAGES if _installed(package)},
        **_revision(),
    }


def _revision() -> dict[str, str]:
    """Which commit this is, where the package runs from a clone; with a ``+`` if it was changed."""
    root = Path(__file__).parents[2]
    git = shutil.which("git")
    if git is None or not root.joinpath(".git").exists():
        return {}
    told = [
        subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [git, "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        for arguments in (
            ("rev-parse", "--short", "HEAD"),
            ("status", "--porcelain", "--untracked-files=no", "--", "eager_kernel"),
        )
    ]
    if any(done.returncode for done in told):
        return {}
    commit, changed = (done.stdout.strip() for done in told)
    return {"revision": commit + ("+" if changed else "")}


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in info if "model name" in line]
    except OSError:
        names = []
    return f"{len(names)} x {names[0]}" if names else platform.processor() or "unknown processor"


_PACKAGES: Final = (
    "eager-kernel", "ipykernel", "ipython", "jupyter_client", "pyzmq",
    "numpy", "pandas", "matplotlib", "scipy", "scikit-learn",
)  # fmt: skip
