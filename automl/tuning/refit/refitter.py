"""Runs the fits of members on all rows, side by side in worker processes."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from automl.data.split.choose import ALL_ROWS
from automl.ensemble import Member
from automl.plugin.context import Resources
from automl.plugin.refitting import RefittableFamily
from automl.scheduling.executor import Done, Failed
from automl.scheduling.runner import JobRunner, WorkerLost
from automl.trial.latency import BATCH_ROWS
from automl.trial.refit_agreement import MAX_ROWS
from automl.trial.setup import derive_seed
from automl.trial.spec import FoldResult, Job, TrialRecord
from automl.tuning.problem.problem import Problem
from automl.tuning.trials.newest_rows import is_by_time

__all__ = ["Refitter", "expected_fit_s"]

MEMORY_HEADROOM = 1.5
MIB_PER_GIB = 1024


def expected_fit_s(results: Iterable[FoldResult]) -> float:
    """Expected seconds of the refit of a trial: those of its slowest fold.

    There are more rows, but no validation rows, and boosters need fewer rounds. To this is added
    the time in which the models of all folds predict the rows to compare.
    """
    folds = list(results)
    compare_s = MAX_ROWS / BATCH_ROWS * sum(result.predict_ms for result in folds) / 1000.0
    return max(result.encode_s + result.fit_s for result in folds) + compare_s


@dataclass(slots=True)
class Refitter:
    """Fits members on all rows, and keeps the results.

    Attributes:
        problem: Problem of the run.
        runner: Runs the fits.
        records: Records of the members, by trial.
        due: ``time.monotonic()`` at which the fits must have ended.
        fitted: Results by trial, one for each seed.
    """

    problem: Problem
    runner: JobRunner
    records: Mapping[str, TrialRecord]
    due: float
    fitted: dict[str, list[FoldResult]] = field(default_factory=dict)

    @property
    def left_s(self) -> float:
        """Seconds until the fits must have ended."""
        return self.due - time.monotonic()

    def seeds_in_time(self, members: Sequence[Member]) -> int:
        """Number of further fits of each member that are expected to end in time."""
        slots = max(1, min(len(members), self.problem.capacity.n_slots(1)))
        each = [self._expected_s(m) for m in members]
        needed_s = max(sum(each) / slots, *each)
        return 99 if self.left_s == math.inf else int(max(0.0, self.left_s) / max(needed_s, 1e-3))

    def refit(
        self, members: Sequence[Member], fold: int = ALL_ROWS
    ) -> Generator[None, None, dict[str, str]]:
        """Fits the members that have models of folds.

        The longest fits start first, so that the last ones end at about the same time.

        Args:
            members: Members, with the folds whose models exist.
            fold: ``ALL_ROWS``, or lower for further seeds.

        Yields:
            None, whenever the fits may have advanced.

        Returns:
            Why some keep the models of their folds, by trial.
        """
        of_folds = [m for m in members if m.folds[0] > ALL_ROWS]
        waiting = sorted(filter(self._is_able, of_folds), key=self._expected_s, reverse=True)
        unable = [m for m in of_folds if not self._is_able(m)]
        kept = {m.trial: f"family {m.family} cannot be refitted on all rows" for m in unable}
        left = {m.trial: m for m in waiting}

        def start() -> None:
            for member in [m for m in waiting if self._expected_s(m) > self.left_s]:
                waiting.remove(member)
                kept[left.pop(member.trial).trial] = "no time was left for it"
            while waiting and self._start(waiting[0], fold):
                waiting.pop(0)

        for events in self.runner.run(start):
            for event in events:
                trial = event.job_id.trial_id
                if isinstance(event, WorkerLost):
                    waiting.insert(0, left[trial])
                elif isinstance(event, Done):
                    self.fitted.setdefault(left.pop(trial).trial, []).append(event.result)
                elif isinstance(event, Failed):
                    kept[left.pop(trial).trial] = event.error.message
            yield
        return kept | dict.fromkeys(left, "the search was stopped")

    def _is_able(self, member: Member) -> bool:
        found = self.problem.families.get(member.family)
        if found is None:
            return False
        return is_by_time(self.problem.plan) or isinstance(found[0], RefittableFamily)

    def _expected_s(self, member: Member) -> float:
        fitted = self.fitted.get(member.trial)
        return expected_fit_s(fitted or self.records[member.trial].folds)

    def _start(self, member: Member, fold: int) -> bool:
        """Starts the fit of a member; False if it has to wait for a device."""
        record = self.records[member.trial]
        family, problem = self.problem.families[member.family]
        need = _need(record, family.resources(problem))
        lease = self.runner.executor.try_lease(need, member.trial)
        if lease is None:
            return False
        spec, seed = record.spec, self.problem.config.seed
        job = Job(
            spec=spec,
            fold=fold,
            seed=derive_seed(seed, spec.family, spec.number, fold),
            n_threads=lease.n_cpus,
            device=lease.device,
            end_s=None if self.due == math.inf else self.left_s,
            replaces_folds=member.folds,
            stages=record.stages,
        )
        self.runner.submit([job], lease, frozenset(family.preload))
        return True


def _need(record: TrialRecord, declared: Resources) -> Resources:
    """Resources of a fit on all rows: the declared ones, with 1.5 times the folds' peak memory."""
    ram_gib = max(result.peak_rss_mib for result in record.folds) / MIB_PER_GIB
    vram_gib = max(result.peak_vram_mib for result in record.folds) / MIB_PER_GIB
    return replace(
        declared,
        ram_gib=MEMORY_HEADROOM * ram_gib or declared.ram_gib,
        vram_gib=MEMORY_HEADROOM * vram_gib or declared.vram_gib,
    )
