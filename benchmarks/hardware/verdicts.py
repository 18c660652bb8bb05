"""The bars of each row.

A judge receives the lines of one machine and the units of the whole row; lines may be missing.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.hardware.figures import CPU_FROM_S, GPU_FROM_S, NETS
from benchmarks.hardware.row import ALL, NONE, PEER, SEARCH, Figures, Line, Unit, Verdict
from benchmarks.honesty.row import mean_and_error
from benchmarks.honesty.tables import loss_of

__all__ = [
    "MEMBERS_PER_S",
    "judge_against",
    "judge_busy_cpu",
    "judge_busy_gpu",
    "judge_cores",
    "judge_families",
    "judge_held_out",
    "judge_images",
    "judge_long",
    "judge_members",
    "judge_short",
    "judge_steps",
]

MEMBERS_PER_S = {"realmlp": 20.0, "resnet": 25.0, "tabm": 10.0}
STEP_MS, STEP_OVER_GPU = 1.0, 1.3
FAMILIES_S = 25.0
GPU_BUSY, CPU_BUSY = 0.6, 0.92
LETTER_LOSS, HOUSING_LOSS = 0.055, 40_000.0
FIRST_STEP_S, ERRORS, THOUSAND_S = 3.0, 8.0, 4.0
INCOMPLETE = 0.15
WINS_AGAINST = 6


def judge_steps(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Milliseconds of a step, and how far they are from those of the GPU's own work."""
    found = []
    for line in lines:
        figures = line["figures"]
        what = f"{line['key']['family']}, {figures['n_members']} members: ms a step"
        found.append(_at_most(what, figures["step_ms"], STEP_MS, "{:.2f}"))
        gpu_ms = figures["gpu_ms"]
        if gpu_ms:
            found.append(Verdict(f"{what}, of the GPU's work", f"{gpu_ms:.2f}", "", None, 1, 1))
            ratio = figures["step_ms"] / gpu_ms
            found.append(_at_most(f"{what}, over those of the GPU", ratio, STEP_OVER_GPU, "{:.2f}"))
    return found


def judge_members(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Members a second of each family."""
    found = []
    for line in lines:
        family, value = line["key"]["family"], line["figures"]["members_per_s"]
        bar = MEMBERS_PER_S.get(family)
        what = f"{family}: members a second, packed"
        text = "" if bar is None else f">= {bar:g}"
        is_met = None if bar is None else value >= bar
        found.append(Verdict(what, f"{value:.1f}", text, is_met, 1, 1))
    return found


def judge_short(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Nets that failed, and nets in the ensemble."""
    found = []
    for line in lines:
        figures, what = line["figures"], _search(line)
        found.append(_at_most(f"{what}: nets failed", figures["nets_failed"], 0, "{}"))
        n_members = figures["nets_in_ensemble"]
        bar, is_met = ">= 1", n_members >= 1
        found.append(Verdict(f"{what}: nets in the ensemble", f"{n_members}", bar, is_met, 1, 1))
    return found


def judge_families(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """When each family of nets had its first complete trial."""
    found = []
    for line in lines:
        seconds = line["figures"]["nets_complete_s"]
        told = ", ".join(f"{name} {s:.0f} s" for name, s in sorted(seconds.items(), key=_second))
        n_early = sum(s <= FAMILIES_S for s in seconds.values())
        value = f"{n_early} of {len(NETS)} ({told or 'none complete'})"
        what = f"{_search(line)}: families of nets with a complete trial within {FAMILIES_S:.0f} s"
        is_met = n_early == len(NETS)
        found.append(Verdict(what, value, f"{len(NETS)} of {len(NETS)}", is_met, 1, 1))
    return found


def judge_busy_gpu(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Share of the multiprocessors that work, or of the time with a kernel if that is unknown."""
    active = _mean_share("gpu_sm_active", "multiprocessors with work", lines, units, GPU_BUSY)
    # processes that take turns keep a kernel running whatever they get done
    bar = None if active else GPU_BUSY
    return active + _mean_share("gpu_busy", "time with a kernel", lines, units, bar)


def judge_busy_cpu(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Share of the cores' time with fits."""
    recorded = "cores in fits that finished, by their own clocks"
    return [
        *_mean_share("cpu_busy", "cores with fits", lines, units, CPU_BUSY),
        *_mean_share("cpu_recorded", recorded, lines, units, None),
    ]


def judge_held_out(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Losses of rows apart with all devices, without the GPU, and on two cores."""
    losses = _losses(lines)
    tables, found = _tables(units), []
    for table in tables:
        own, plain, few = (losses.get((table, c, g)) for c, g in CONDITIONS)
        if own is None:
            continue
        told = [f"{_loss(loss)} {name}" for loss, name in ((plain, NO_GPU), (few, FEW)) if loss]
        value = "; ".join([_loss(own), *told])
        bar = {"letter": LETTER_LOSS, "california_housing": HOUSING_LOSS}.get(table)
        what = f"{table}: loss on rows apart with all devices"
        if bar is not None:
            found.append(Verdict(what, value, f"<= {bar:,g}", own <= bar, 1, 1))
        elif few is not None:
            found.append(Verdict(what, value, f"<= that on {FEW}", own <= few, 1, 1))
    wins = [
        losses[table, ALL, ALL] < losses[table, ALL, NONE]
        for table in tables
        if (table, ALL, ALL) in losses and (table, ALL, NONE) in losses
    ]
    if wins:
        asked = -(-2 * len(tables) // 3)
        found.append(_wins("better with the GPU than without", wins, asked, len(tables)))
    return found


CONDITIONS = ((ALL, ALL), (ALL, NONE), (2, NONE))
NO_GPU, FEW = "without the GPU", "2 cores"


def judge_cores(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """All cores against two in the same time, and in four times as much."""
    budgets = sorted({unit.key["time_s"] for unit in units})
    short_s, tables = budgets[0], _tables(units)
    losses = {
        (line["key"]["table"], line["key"]["cores"], line["key"]["time_s"]): loss_of(
            line["figures"]
        )
        for line in lines
    }
    n_cores = max((line["cores"] for line in lines), default=0)
    many = f"{n_cores} cores in {short_s:g} s"
    found = []
    for time_s in budgets:
        pairs = [(losses.get((t, ALL, short_s)), losses.get((t, 2, time_s))) for t in tables]
        both = [(own, few) for own, few in pairs if own and few]
        if not both:
            continue
        if time_s == short_s:
            wins = [own < few for own, few in both]
            asked = -(-4 * len(tables) // 5)
            found.append(_wins(f"{many}: better than 2 cores", wins, asked, len(tables)))
        else:
            what = f"{many} against 2 cores in {time_s:g} s: mean of log(loss / loss)"
            found.append(_mean_log(what, both, len(tables)))
    if n_cores <= 2:  # two cores against two show the noise
        return [Verdict(v.what, v.value, "more than 2 cores", None, v.n, v.n_asked) for v in found]
    return found


def judge_images(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """The first step, errors, and seconds of 1,000 predictions."""
    found = []
    for line in lines:
        figures, what = line["figures"], _search(line)
        first_s = figures["first_step_s"]
        if first_s is not None:
            what_first = f"{what}: s from the command to the first step of a net"
            found.append(_at_most(what_first, first_s, FIRST_STEP_S, "{:.1f}"))
        errors = 1000 * figures["errors"] / figures["n_test"]
        what_errors = f"{what}: errors a thousand, of {figures['n_test']:,}"
        found.append(_at_most(what_errors, errors, ERRORS, "{:.1f}"))
        what_predict = f"{what}: s to predict 1,000 images, by a command of its own"
        found.append(_at_most(what_predict, figures["thousand_s"], THOUSAND_S, "{:.1f}"))
    return found


def judge_long(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """This checkout against the older one, wasted slot time, and gains late in the budget."""
    n_asked = sum(unit.key["state"] == "this" for unit in units)
    own = [line for line in lines if line["key"]["state"] == "this"]
    old = {_place(line): loss_of(line["figures"]) for line in lines if line not in own}
    pairs = [(loss_of(line["figures"]), old.get(_place(line))) for line in own]
    both = [(new, before) for new, before in pairs if new and before]
    found = []
    if both:
        what = "mean of log(loss / loss before), over tables and seeds"
        verdict = _mean_log(what, both, n_asked)
        is_met = verdict.value.startswith("-")
        found.append(Verdict(what, verdict.value, "< 0", is_met, len(both), n_asked))
    shares = [line["figures"]["incomplete_share"] for line in own]
    shares = [share for share in shares if share is not None]
    if shares:
        what = "time of fits in trials that never complete, mean"
        value, mean = f"{statistics.fmean(shares):.0%}", statistics.fmean(shares)
        is_met = mean <= INCOMPLETE
        found.append(Verdict(what, value, f"<= {INCOMPLETE:.0%}", is_met, len(shares), n_asked))
    later = [_gains_late(line["figures"]) for line in own]
    gains = [gain for gain in later if gain is not None]
    if gains:
        what = "ensemble better at the end than at 60 % of the budget"
        found.append(_wins(what, gains, -(-6 * n_asked // 8), n_asked))
    return found


def judge_against(lines: Sequence[Line], units: Sequence[Unit]) -> list[Verdict]:
    """Ours against another system that has ten times as long."""
    losses = {(line["key"]["table"], line["kind"]): loss_of(line["figures"]) for line in lines}
    tables = _tables(units)
    pairs = [(losses.get((t, SEARCH)), losses.get((t, PEER))) for t in tables]
    wins = [own < other for own, other in pairs if own is not None and other is not None]
    what = "ours better than AutoGluon best_quality in ten times as long"
    asked = -(-WINS_AGAINST * len(tables) // 10)
    return [_wins(what, wins, asked, len(tables))] if wins else []


def _tables(units: Sequence[Unit]) -> list[str]:
    return list(dict.fromkeys(unit.key["table"] for unit in units))


def _losses(lines: Sequence[Line]) -> dict[tuple[str, Any, str], float]:
    found = {}
    for line in lines:
        key, loss = line["key"], loss_of(line["figures"])
        if loss is not None:
            found[key["table"], key["cores"], key["gpus"]] = loss
    return found


def _place(line: Line) -> tuple[str, int]:
    return line["key"]["table"], line["key"]["seed"]


def _gains_late(figures: Figures) -> bool | None:
    """Whether the ensemble's score at the end is better than earlier; None without both."""
    earlier, end = figures["ensemble_earlier"], figures["ensemble_end"]
    if earlier is None or end is None:
        return None
    return bool(end > earlier if figures["metric"] == "roc_auc" else end < earlier)


def _search(line: Line) -> str:
    return f"{line['key']['table']}, {line['key']['time_s']:g} s"


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def _loss(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4f}"


def _at_most(what: str, value: float, bar: float, form: str) -> Verdict:
    return Verdict(what, form.format(value), f"<= {bar:g}", value <= bar, 1, 1)


def _wins(what: str, wins: Sequence[bool], n_needed: int, n_asked: int) -> Verdict:
    """A count of tables; it can hold or fail before all are there."""
    n_lost = len(wins) - sum(wins)
    is_met = True if sum(wins) >= n_needed else False if n_asked - n_lost < n_needed else None
    value = f"{sum(wins)} of {len(wins)}"
    return Verdict(what, value, f">= {n_needed} of {n_asked}", is_met, len(wins), n_asked)


def _mean_log(what: str, pairs: Sequence[tuple[float, float]], n_asked: int) -> Verdict:
    mean, error = mean_and_error([float(np.log(own / other)) for own, other in pairs])
    is_met = mean <= (error if np.isfinite(error) else 0.0)
    value = f"{mean:+.4f} ± {error:.4f}" if np.isfinite(error) else f"{mean:+.4f}"
    return Verdict(what, value, "<= one standard error", is_met, len(pairs), n_asked)


def _mean_share(
    name: str, what: str, lines: Sequence[Line], units: Sequence[Unit], bar: float | None
) -> list[Verdict]:
    """The mean of a share over searches, to the end of the budget; none if it was not measured."""
    found = [line["figures"][name] for line in lines]
    shares = [share for share in found if share is not None]
    if not shares:
        return []
    mean = statistics.fmean(shares)
    value = f"{mean:.1%}"
    if len(shares) > 1:
        value += f" ({min(shares):.0%} to {max(shares):.0%})"
    start = {"cpu_busy": CPU_FROM_S, "cpu_recorded": 0.0}.get(name, GPU_FROM_S)
    what = f"{what}, {start:g} s to the end of the budget, mean"
    text, is_met = ("", None) if bar is None else (f">= {bar:.0%}", mean >= bar)
    return [Verdict(what, value, text, is_met, len(shares), len(units))]
