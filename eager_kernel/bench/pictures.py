"""Pictures of results, as SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from eager_kernel.bench.faults import PLACES
from eager_kernel.bench.interruption import Stop
from eager_kernel.bench.measuring import STATES, Run, whole
from eager_kernel.bench.results import Results
from eager_kernel.errors import MissingExtraError


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw what there is to draw into `folder`, and return the files.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    drawn = svgs(results)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in drawn]
    for path, text in zip(files, drawn.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return files


def svgs(results: Results) -> dict[str, str]:
    """What there is to draw, by name, as SVG. The same results give the same text.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise MissingExtraError("drawing the pictures of a benchmark", "bench") from error
    drawn = {}
    for name, make in _pictures(results).items():
        # Text stays text. Ids are a picture's own: several may be in one page.
        style: Any = {"svg.fonttype": "none", "svg.hashsalt": f"eager {name}", "font.size": 9}
        with mpl.rc_context(style):
            written = io.StringIO()
            make().savefig(written, format="svg", metadata={"Date": None, "Creator": None})
            drawn[name] = written.getvalue()
    return drawn


def _pictures(results: Results) -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    if "end-to-end" in results.suites:
        runs = whole([Run.from_dict(record) for record in results.suites["end-to-end"].records])
        gate, ttft = results.options["gates"][0], results.options["ttfts"][0]
        place = results.options["environments"][0]
        usual = [
            run
            for run in runs
            if (run.gate, run.ttft) == (gate, ttft) and not (run.error or run.imports)
        ]
        if usual:
            found["share"] = lambda: _by_share(usual)
        shown = [
            run
            for run in runs
            if (run.gate, run.ttft, run.environment) == (gate, ttft, place)
            and not (run.error or run.imports)
        ]
        if shown:
            found["end-to-end"] = lambda: _by_rate(
                shown,
                {
                    "less wait in all (%)": lambda run: run.reduction * 100,
                    "less wait after the last token (%)": (
                        lambda run: run.non_overlapped_reduction * 100
                    ),
                },
            )
            found["bound"] = lambda: _by_rate(
                shown, {"over the lower bound (ms)": lambda run: (run.kernel_s - run.bound_s) * 1e3}
            )
    if "interruption" in results.suites:
        stops = [Stop(**record) for record in results.suites["interruption"].records]
        good = [stop for stop in stops if not stop.error]
        if good:
            found["interruption"] = lambda: _by_place(good)
    return found


def _by_share(runs: Sequence[Run]) -> Any:
    """What was saved, by execution's share: a point for each run, and what could be at most."""
    figure, (axis,) = _canvas(1)
    for state in STATES:
        there = [run for run in runs if run.state == state]
        if not there:
            continue
        axis.plot(
            [run.share * 100 for run in there],
            [run.reduction * 100 for run in there],
            linestyle="none", marker=".", markersize=4, alpha=0.6,
            color=_COLOURS[state], label=state,
        )  # fmt: skip
    # All is hidden, or all but what generation is too short for.
    shares = [share / 2 for share in range(201)]
    most = [min(share, 100 - share) for share in shares]
    axis.plot(shares, most, color="#777777", linestyle=":", label="at most")
    axis.set_xlabel("execution's share of the serial time (%)")
    axis.set_ylabel("less wait in all (%)")
    axis.grid(alpha=0.4)
    axis.patch.set_facecolor("white")
    axis.legend(fontsize=8)
    return figure


def _by_rate(runs: Sequence[Run], figures: dict[str, Callable[[Run], float]]) -> Any:
    """Boxes of each figure, by rate, cold beside warm."""
    rates = sorted({run.rate for run in runs})
    figure, axes = _canvas(len(figures))
    for axis, (label, value) in zip(axes, figures.items(), strict=True):
        for number, state in enumerate(STATES):
            columns = {
                i + (number - 0.5) * 0.36: [
                    value(run) for run in runs if (run.state, run.rate) == (state, rate)
                ]
                for i, rate in enumerate(rates)
            }
            _boxes(axis, columns, colour=_COLOURS[state], label=state)
        _label(axis, [f"{rate:g}" for rate in rates], "tokens per second", label)
    return figure


def _by_place(stops: Sequence[Stop]) -> Any:
    """Boxes of the tokens saved, by the mistake's place, and what was possible."""
    figure, (axis,) = _canvas(1)
    rates = sorted({stop.rate for stop in stops})
    width = 0.7 / len(rates)
    for number, rate in enumerate(rates):
        columns = {
            i + (number - (len(rates) - 1) / 2) * width: [
                stop.tokens_saved * 100
                for stop in stops
                if (stop.place, stop.rate) == (place, rate)
            ]
            for i, place in enumerate(PLACES)
        }
        colour = list(_COLOURS.values())[number % len(_COLOURS)]
        _boxes(axis, columns, colour=colour, label=f"{rate:g} tokens/s", width=width)
    for i, place in enumerate(PLACES):
        possible = [s.tokens_possible * 100 for s in stops if s.place == place]
        if possible:
            best = sum(possible) / len(possible)
            axis.plot([i - 0.45, i + 0.45], [best, best], color="#777777", linestyle=":")
    labels = [f"{place:.0%}" for place in PLACES]
    _label(axis, labels, "of the answer is written before the mistake", "tokens not written (%)")
    return figure


def _canvas(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - `draw` has made sure of it

    figure = Figure(figsize=(4.6 * count, 3.4), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def _boxes(
    axis: Any,
    columns: dict[float, list[float]],
    *,
    colour: str,
    label: str,
    width: float = 0.32,
) -> None:
    columns = {place: column for place, column in columns.items() if column}
    if not columns:
        return
    made = axis.boxplot(
        list(columns.values()), positions=list(columns), widths=width * 0.9,
        patch_artist=True, manage_ticks=False,
        medianprops={"color": "black"}, flierprops={"marker": ".", "markersize": 3},
        boxprops={"facecolor": colour, "alpha": 0.75},
    )  # fmt: skip
    made["boxes"][0].set_label(label)


def _label(axis: Any, ticks: Sequence[str], below: str, left: str) -> None:
    axis.set_xticks(range(len(ticks)), ticks)
    axis.set_xlabel(below)
    axis.set_ylabel(left)
    axis.grid(axis="y", alpha=0.4)
    axis.axhline(0, color="#777777", linewidth=0.8)
    axis.patch.set_facecolor("white")
    axis.legend(fontsize=8)


_COLOURS: Final = {"cold": "#3b7dd8", "warm": "#e08a3c"}
