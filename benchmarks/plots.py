"""Plots of a comparison, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.standings import Comparison, overshoot_limit_s
from benchmarks.systems import FLOOR

__all__ = ["write_plots"]

OURS_COLOUR = "#d1495b"
FLOOR_COLOUR = "#8d99a6"
# told apart also by who confuses red and green: Okabe and Ito, "Color universal design" (2008)
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#56b4e9", "#a05a9c", "#b5a300", "#555555")
INK = "#2b2f36"
PALE = "#e6e9ed"
MOST_LABELLED = 200.0
WON, EQUAL, LOST = "#4a9d7c", "#d9dde2", "#c9776d"
STYLE: Any = {  # its keys are a closed type of matplotlib
    "axes.axisbelow": True,
    "axes.edgecolor": "#b8bec6",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9.5,
    "grid.color": PALE,
    "svg.hashsalt": "automl",  # the same file for the same figures
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def write_plots(one: Comparison, folder: Path) -> list[tuple[str, Path]]:
    """Writes plots of standing, scores (where there is a floor) and costs.

    Returns:
        What each shows, and its path.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    plots = [("standing", "Mean rank, and tables won and lost", _standing)]
    if FLOOR in one.systems:
        plots.append(("scores", "Scores of every table", _scores))
    plots.append(("costs", "What a run takes", _costs))
    written = []
    with matplotlib.rc_context(STYLE):
        for name, caption, draw in plots:
            figure = draw(pyplot, one)
            path = folder / f"benchmark-{one.time_s:g}s-{name}.svg"
            figure.savefig(path, bbox_inches="tight", facecolor="white", metadata={"Date": None})
            pyplot.close(figure)
            written.append((caption, path))
    return written


def _standing(pyplot: Any, one: Comparison) -> Any:
    """Mean ranks, and beside them what ours wins and loses against each."""
    height = 0.9 + 0.36 * len(one.systems)
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(10, height), sharey=True, width_ratios=(1, 1.15)
    )
    places = np.arange(len(one.systems))
    ranks = [np.mean([*one.ranks(s).values()]) for s in one.systems]
    bars = left.barh(places, ranks, 0.66, color=[_colours(one)[s] for s in one.systems])
    left.bar_label(bars, fmt="%.2f", padding=4)
    left.set_title(f"Mean rank, {_budget(one)}")
    left.set_xlim(0, len(one.systems))
    left.set_yticks(places, one.systems)
    left.invert_yaxis()
    _embolden(left, one)
    for place, system in enumerate(one.systems):
        if system == one.ours:
            continue
        at = 0
        for count, colour in zip(one.outcomes(system), (WON, EQUAL, LOST), strict=True):
            if count:
                ink = INK if colour == EQUAL else "white"
                right.barh(place, count, 0.66, left=at, color=colour)
                right.text(at + count / 2, place, count, ha="center", va="center", color=ink)
            at += count
    right.set_title(f"{one.ours} against each: tables won, equal, lost")
    right.set_xlim(0, len(one.tables))
    for axes in (left, right):
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks([])
    figure.tight_layout(w_pad=2)
    return figure


def _scores(pyplot: Any, one: Comparison) -> Any:
    """A row a table, a dot a system, a cross where it failed: 0 is the floor and 1 the best."""
    figure, axes = pyplot.subplots(figsize=(10, 1.4 + 0.34 * len(one.tables)))
    colours, places = _colours(one), np.arange(len(one.tables))
    for system in reversed([s for s in one.systems if s != FLOOR]):
        values = [*one.normalised(system).values()]
        failed = np.isnan([*one.scores(system).values()])
        size, layer = (95, 4) if system == one.ours else (48, 3)
        look = {"s": size, "color": colours[system], "zorder": layer, "clip_on": False}
        dots = np.where(failed, np.nan, values)
        axes.scatter(dots, places, edgecolor="white", linewidth=0.8, label=system, **look)
        axes.scatter(np.full(failed.sum(), -1.0), places[failed], marker="x", **look)
    axes.axvline(0, color=FLOOR_COLOUR, linewidth=1.4)
    axes.set_xlim(-1.03, 1.03)
    axes.set_yticks(places, one.tables)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["-1 or worse", "-0.5", "floor", "0.5", "best of all"])
    axes.grid(axis="y")
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title(f"Score between the floor and the best, {_budget(one)}", pad=30)
    handles, labels = axes.get_legend_handles_labels()
    _legend(axes, handles[::-1], labels[::-1])
    return figure


def _costs(pyplot: Any, one: Comparison) -> Any:
    """A panel a cost, a row a system, a dot a run, a bar at the median."""
    from matplotlib import ticker

    panels = (
        ("overshoot_s", "Seconds over the budget", "linear"),
        ("first_model_s", "Seconds to the first model", "log"),
        ("peak_gib", "Peak memory, GiB", "linear"),
        ("predict_s", "Seconds to predict the test rows", "log"),
    )
    height = 1.4 + 0.6 * len(one.systems)
    figure, grid = pyplot.subplots(2, 2, figsize=(10, height), sharey=True)
    for axes, (key, title, scale) in zip(grid.flat, panels, strict=True):
        _strip(axes, one, key)
        axes.set_title(title)
        if scale == "log":
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            is_wide = high > MOST_LABELLED * low  # labels between the powers of ten would collide
            axes.xaxis.set_major_locator(
                ticker.LogLocator(subs=(1.0,) if is_wide else (1.0, 2.0, 5.0))
            )
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(ticker.NullFormatter())
        elif key != "overshoot_s":
            axes.set_xlim(left=0)
    over = grid.flat[0]
    over.axvline(0, color=FLOOR_COLOUR, linewidth=1)
    over.axvline(overshoot_limit_s(one.time_s), color=FLOOR_COLOUR, linewidth=1, linestyle=":")
    grid.flat[0].set_yticks(np.arange(len(one.systems)), one.systems)
    grid.flat[0].invert_yaxis()
    for axes in grid[:, 0]:
        _embolden(axes, one)
    figure.tight_layout(h_pad=1.6, w_pad=2)
    return figure


def _strip(axes: Any, one: Comparison, key: str) -> None:
    """Dots of every run that tells; whoever does not spend the budget is not over or under it."""
    colours = _colours(one)
    for place, system in enumerate(one.systems):
        values = one.values(system, key)
        if key == "overshoot_s" and system == FLOOR:
            values = values[:0]
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(len(values))
        axes.scatter(
            values, place + spread, s=18, color=colours[system], alpha=0.75, linewidth=0, zorder=3
        )
        if len(values):
            middle = np.median(values)
            axes.plot([middle, middle], [place - 0.3, place + 0.3], color=INK, linewidth=1.6)
    axes.grid(axis="x")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def _colours(one: Comparison) -> dict[str, str]:
    """A colour for each system, the same in all plots of the same systems."""
    others = sorted(s for s in one.systems if s not in (one.ours, FLOOR))
    rest = {s: COLOURS[i % len(COLOURS)] for i, s in enumerate(others)}
    return {**rest, one.ours: OURS_COLOUR, FLOOR: FLOOR_COLOUR}


def _budget(one: Comparison) -> str:
    return f"{one.time_s:g} s on {one.n_cores} cores, {len(one.tables)} tables"


def _embolden(axes: Any, one: Comparison) -> None:
    """Ours stands out among the names."""
    for label in axes.get_yticklabels():
        if label.get_text() == one.ours:
            label.set_fontweight("bold")


def _legend(axes: Any, handles: Sequence[Any], labels: Sequence[str]) -> None:
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=len(labels),
        frameon=False,
        borderpad=0,
        handletextpad=0.1,
        columnspacing=1.4,
    )
