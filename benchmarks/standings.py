"""How systems stand to each other after a series.

A case is one table with one seed. Only cases count in which every system was run, whether it
failed or not. What is averaged is averaged over the seeds of a table first, so that a table that
was run with more seeds weighs no more than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.results import has_failed, latest, was_disturbed
from benchmarks.systems import FLOOR, OURS

__all__ = ["BAND", "Case", "Comparison", "comparisons", "overshoot_limit_s"]

HIGHER_IS_BETTER = frozenset({"roc_auc"})
BAND = 0.001
"""Two scores are equal when they differ by no more than this share of the larger one."""

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One table with one seed, and the result of each system by its id."""

    table: str
    seed: int
    results: Mapping[str, Result]

    @property
    def metric(self) -> str:
        """What is scored."""
        return str(next(iter(self.results.values()))["metric"])

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric."""
        return self.metric in HIGHER_IS_BETTER


@dataclass(frozen=True, slots=True)
class Comparison:
    """Systems with the same budget on the same number of cores.

    Attributes:
        time_s, n_cores: The budget.
        ours: The system that the others are held against.
        systems: All of them, best mean rank first.
        cases: Those that every system was run on.
        incomplete: Tables and seeds that some system is yet to be run on.
    """

    time_s: float
    n_cores: int
    ours: str
    systems: tuple[str, ...]
    cases: tuple[Case, ...]
    incomplete: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """Names, in the order in which they were run."""
        return tuple(dict.fromkeys(case.table for case in self.cases))

    def scores(self, system: str) -> dict[str, float]:
        """Mean score by table; nan where the system has failed with any seed."""
        return self._by_table(lambda case: _score(case, system))

    def ranks(self, system: str) -> dict[str, float]:
        """Mean rank by table: 1 is best; equals share theirs, and failures the last."""
        place = self.systems.index(system)
        return self._by_table(lambda case: float(_ranks(case, self.systems)[place]))

    def normalised(self, system: str) -> dict[str, float]:
        """Mean by table of ``(score - floor) / (best - floor)``, within -1 and 1.

        0 is the floor and 1 the best of all. Where the floor is the best itself, whoever is worse
        has -1; so has whoever failed. Nothing where there is no floor.
        """
        if FLOOR not in self.systems:
            return {}
        return self._by_table(lambda case: _normalised(case, system))

    def outcomes(self, rival: str) -> tuple[int, int, int]:
        """Tables that ours wins, shares within the band, and loses against another system."""
        ours, theirs = self.scores(self.ours), self.scores(rival)
        direction = {c.table: 1 if c.higher_is_better else -1 for c in self.cases}
        signs = [_sign(ours[t], theirs[t], direction[t]) for t in self.tables]
        return signs.count(1), signs.count(0), signs.count(-1)

    def values(self, system: str, key: str) -> NDArray[np.float64]:
        """What a system's results say under a key, those that say nothing left out."""
        found = (case.results[system].get(key) for case in self.cases)
        return np.array([value for value in found if value is not None], dtype=np.float64)

    def failures(self, system: str) -> list[str]:
        """Table, seed and the last line of the error of each run that failed."""
        results = ((case, case.results[system]) for case in self.cases)
        return [
            f"{case.table} {case.seed}: {result['error'].splitlines()[-1]}"
            for case, result in results
            if has_failed(result)
        ]

    def all_results(self) -> list[Result]:
        """Every result that counts."""
        return [case.results[system] for case in self.cases for system in self.systems]

    def disturbed(self, system: str) -> int:
        """Number of runs of a system during which other processes were busy."""
        return sum(was_disturbed(case.results[system]) for case in self.cases)

    def _by_table(self, value: Callable[[Case], float]) -> dict[str, float]:
        return {
            table: float(np.mean([value(case) for case in self.cases if case.table == table]))
            for table in self.tables
        }


def comparisons(
    results: Iterable[Result], systems: Sequence[str] = (), ours: str = OURS
) -> list[Comparison]:
    """One comparison for each budget, the shortest first.

    Args:
        results: As read; of runs that were repeated the last counts.
        systems: Those to compare; all that there are when empty.
        ours: The one that the others are held against.

    Raises:
        SystemExit: Ours has no result with some budget.
    """
    kept = [r for r in latest(results).values() if not systems or r["system"] in systems]
    budgets = sorted({(float(r["time_s"]), int(r["cores"])) for r in kept})
    return [
        _comparison([r for r in kept if (r["time_s"], r["cores"]) == budget], *budget, ours)
        for budget in budgets
    ]


def overshoot_limit_s(time_s: float) -> float:
    """Seconds above the budget that are allowed: a twentieth of it, and five to start."""
    return 0.05 * time_s + 5.0


def _comparison(results: Sequence[Result], time_s: float, n_cores: int, ours: str) -> Comparison:
    systems = tuple(dict.fromkeys(str(r["system"]) for r in results))
    if ours not in systems:
        raise SystemExit(
            f"{ours} has no result with {time_s:g} s on {n_cores} cores, which there are of "
            f"{', '.join(systems)}; --ours names another"
        )
    cases: dict[tuple[str, int], dict[str, Result]] = {}
    for result in results:
        cases.setdefault((result["table"], result["seed"]), {})[result["system"]] = result
    whole = [Case(*case, found) for case, found in cases.items() if len(found) == len(systems)]
    lacking = [
        f"{table} {seed} ({', '.join(s for s in systems if s not in found)})"
        for (table, seed), found in cases.items()
        if len(found) < len(systems)
    ]
    unordered = Comparison(time_s, n_cores, ours, systems, tuple(whole), tuple(lacking))
    mean = {s: np.mean([*unordered.ranks(s).values()] or [0.0]) for s in systems}
    ordered = tuple(sorted(systems, key=lambda s: (mean[s], s)))
    return Comparison(time_s, n_cores, ours, ordered, unordered.cases, unordered.incomplete)


def _score(case: Case, system: str) -> float:
    score = case.results[system]["score"]
    return np.nan if score is None else float(score)


def _gains(case: Case, systems: Sequence[str]) -> NDArray[np.float64]:
    """Scores of which the higher is the better; the lowest there is for who failed."""
    sign = 1.0 if case.higher_is_better else -1.0
    scores = np.array([sign * _score(case, s) for s in systems])
    return np.where(np.isnan(scores), -np.inf, scores)


def _ranks(case: Case, systems: Sequence[str]) -> NDArray[np.float64]:
    ranks: NDArray[np.float64] = rankdata(-_gains(case, systems), method="average")
    return ranks


def _normalised(case: Case, system: str) -> float:
    gain, floor = _gains(case, [system, FLOOR])
    best = _gains(case, list(case.results)).max()
    if gain == -np.inf:
        return -1.0
    if gain == floor:
        return 0.0
    if best == floor or floor == -np.inf:
        return -1.0 if gain < best else 1.0
    return float(np.clip((gain - floor) / (best - floor), -1.0, 1.0))


def _sign(ours: float, theirs: float, direction: int) -> int:
    """1 when ours is better, -1 when worse, 0 within the band; a failure is worse than a score."""
    if np.isnan(ours) or np.isnan(theirs):
        return int(np.isnan(theirs)) - int(np.isnan(ours))
    if abs(ours - theirs) <= BAND * max(abs(ours), abs(theirs)):
        return 0
    return direction if ours > theirs else -direction
