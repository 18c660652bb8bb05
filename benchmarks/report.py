"""A comparison as Markdown, with plots beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.plots import write_plots
from benchmarks.standings import BAND, Comparison, overshoot_limit_s

__all__ = ["score_table", "standing_table", "write_readme", "write_report"]

MARKS = "<!-- benchmark: written by benchmarks.compare report -->", "<!-- benchmark: end -->"
DIRECTION = {"roc_auc": "roc_auc ↑", "log_loss": "log_loss ↓", "rmse": "rmse ↓"}


def write_report(comparisons: Sequence[Comparison], folder: Path) -> Path:
    """Writes ``report.md`` and the plots into a folder; returns the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for one in comparisons:
        parts += [_title(one, "##"), _sentence(one), standing_table(one)]
        if one.cases:
            parts += [_images(write_plots(one, folder), folder), score_table(one)]
        parts += [_remarks(one)]
    page = folder / "report.md"
    page.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    return page


def write_readme(comparisons: Sequence[Comparison], page: Path, images: Path) -> None:
    """Renews the block of results of a page, and the plots that it shows.

    Raises:
        SystemExit: The page has no such block.
    """
    text = page.read_text(encoding="utf-8")
    block = re.compile(f"{re.escape(MARKS[0])}.*?{re.escape(MARKS[1])}", re.DOTALL)
    if not block.search(text):
        raise SystemExit(f"{page} has no block between {MARKS[0]!r} and {MARKS[1]!r}")
    parts = [MARKS[0]]
    for one in comparisons:
        parts += [_title(one, "###"), _sentence(one), standing_table(one)]
        parts += [_images(write_plots(one, images), page.parent), score_table(one)]
    parts.append(MARKS[1])
    page.write_text(block.sub(lambda _: "\n\n".join(parts), text), encoding="utf-8")


def standing_table(one: Comparison) -> str:
    """A row a system: how well it predicts and what it takes."""
    head = ["", "mean rank", "won, equal, lost", "normalised score", "failed"]
    head += ["over the budget, worst", "first model", "memory", "prediction"]
    rows = []
    for system in one.systems:
        outcomes = " ".join(map(str, one.outcomes(system))) if system != one.ours else ""
        rows.append(
            [
                f"**{system}**" if system == one.ours else system,
                _number(np.array([*one.ranks(system).values()]), np.mean, "{:.2f}"),
                outcomes,
                _number(np.array([*one.normalised(system).values()]), np.mean, "{:.2f}"),
                str(len(one.failures(system))),
                _number(one.values(system, "overshoot_s"), np.max, "{:+.1f} s"),
                _number(one.values(system, "first_model_s"), np.median, "{:.1f} s"),
                _number(one.values(system, "peak_gib"), np.max, "{:.1f} GiB"),
                _number(one.values(system, "predict_s"), np.median, "{:.3f} s"),
            ]
        )
    return _markdown(head, rows, n_texts=1)


def score_table(one: Comparison) -> str:
    """A row a table, a column a system; the best is bold."""
    scores = {system: one.scores(system) for system in one.systems}
    first = {case.table: case for case in reversed(one.cases)}
    rows = []
    for table in one.tables:
        values = np.array([scores[s][table] for s in one.systems])
        known = values[~np.isnan(values)]
        best = (
            max(known, default=None) if first[table].higher_is_better else min(known, default=None)
        )
        cells = [_score(v, first[table].metric, bool(v == best)) for v in values]
        rows.append([table, DIRECTION[first[table].metric], *cells])
    return _markdown(["table", "judged by", *one.systems], rows, n_texts=2)


def _title(one: Comparison, level: str) -> str:
    return f"{level} {one.time_s:g} seconds on {one.n_cores} cores, {len(one.tables)} tables"


def _sentence(one: Comparison) -> str:
    """What the columns mean."""
    seeds = sorted({case.seed for case in one.cases})
    return (
        f"Won, equal, lost: tables on which {one.ours} is better than the system of the row, "
        f"within {BAND:.1%} of it, or worse. Normalised score: 0 is the floor and 1 the best of "
        "all on a table, on average. Prediction: seconds to predict all test rows; like 'first "
        f"model', the median over tables. Seeds: {', '.join(map(str, seeds))}."
    )


def _images(plots: Sequence[tuple[str, Path]], place: Path) -> str:
    return "\n\n".join(
        f"![{caption}]({Path(os.path.relpath(path, place)).as_posix()})" for caption, path in plots
    )


def _remarks(one: Comparison) -> str:
    """What else one has to know: machines, versions, failures, runs that count less."""
    results = one.all_results()
    limit_s, lines = overshoot_limit_s(one.time_s), []
    for machine in _distinct(results, "machine"):
        lines.append(
            f"{machine['processor']}, {machine['cores']} cores, {machine['ram_gib']:g} GiB, "
            f"{machine['system']}"
        )
    lines.append(f"repository: {', '.join(_distinct(results, 'git')) or 'unknown'}")
    for system in one.systems:
        own = [r for r in results if r["system"] == system]
        lines.append(f"{system}: version {', '.join(_distinct(own, 'version')) or 'unknown'}")
        late = one.values(system, "overshoot_s")
        n_late = int((late > limit_s).sum())
        if n_late:
            lines.append(f"{system}: {n_late} of {len(late)} runs over by more than {limit_s:g} s")
        if one.disturbed(system):
            n_disturbed, n_all = one.disturbed(system), len(own)
            lines.append(f"{system}: {n_disturbed} of {n_all} runs while the machine was busy")
        lines += [f"{system} failed on {failure}" for failure in one.failures(system)]
    lines += [f"not counted, as a run is missing: {case}" for case in one.incomplete]
    return "\n".join(f"- {line}" for line in lines)


def _distinct(results: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    found: list[Any] = []
    for result in results:
        if result[key] and result[key] not in found:
            found.append(result[key])
    return found


def _number(values: NDArray[np.float64], reduce: Callable[[Any], Any], form: str) -> str:
    return form.format(reduce(values)) if len(values) else ""


def _score(value: float, metric: str, is_best: bool) -> str:
    if np.isnan(value):
        return "failed"
    text = f"{value:,.5g}" if metric == "rmse" else f"{value:.4f}"
    return f"**{text}**" if is_best else text


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]], n_texts: int) -> str:
    rules = ["---"] * n_texts + ["--:"] * (len(head) - n_texts)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rules, *rows))
