"""Scenes for tests of the search: a fake executor answers, everything else is real."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from automl.config.schema import SearchConfig
from automl.data import load_dataset
from automl.data.split.choose import ALL_ROWS, make_split_plan
from automl.data.table import Dataset
from automl.metrics import get_metric
from automl.plugin import (
    ModelFamily,
    OutOfBagFamily,
    PackedFamily,
    RefittableFamily,
    Resources,
    SelectiveFamily,
)
from automl.scheduling.devices.pool import DevicePool, Gpu
from automl.scheduling.executor import (
    Done,
    ExecutorEvent,
    Failed,
    OneMachineExecutor,
    Pruned,
    Reported,
)
from automl.store.run_dir import RunDir
from automl.trial.setup import TrialSetup, derive_seed, problem_info
from automl.trial.spec import FoldResult, Job, TrialError
from automl.tuning.budget.budget import Budget
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.lifecycle.build import build_search
from automl.tuning.lifecycle.resume import read_earlier_search, restore_trials
from automl.tuning.loop.controller import TICK_S, Controller
from automl.tuning.loop.dispatcher import Dispatcher
from automl.tuning.problem.problem import Problem
from automl.tuning.propose.proposer import Proposer
from automl.tuning.trials.ledger import Ledger

N_ROWS = 90


class Clock:
    """The clock of a search; only its fake executor moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeFamily(SelectiveFamily):
    """A family that is never fitted: the fake executor knows the quality of its params."""

    def __init__(
        self,
        name: str,
        priority: int = 50,
        portfolio: Sequence[Mapping[str, Any]] = ({"x": 0.5},),
        n_cpus: int = 1,
        choices: Sequence[float] | None = None,
        ram_gib: float = 0.5,
        n_gpus: float = 0.0,
        vram_gib: float = 0.0,
    ) -> None:
        self.name, self.priority = name, priority
        self._portfolio, self._choices = portfolio, choices
        self._need = Resources(n_cpus, ram_gib, n_gpus, vram_gib)

    def resources(self, problem):
        return self._need

    def search_space(self, suggest, problem):
        if self._choices is not None:
            return {"x": suggest.suggest_categorical("x", list(self._choices))}
        return {"x": suggest.suggest_float("x", 0.0, 1.0)}

    def portfolio(self, problem):
        return self._portfolio

    def fit(self, params, fold, context, report):
        raise AssertionError("nothing is fitted here")

    def save(self, model, path):
        raise AssertionError("nothing is saved here")

    def load(self, path):
        raise AssertionError("nothing is loaded here")


class FakeSolver(FakeFamily, RefittableFamily):
    """The same with a refit on all rows."""

    def refit(self, params, fold, context, models):
        raise AssertionError("nothing is fitted here")


class FakeBag(FakeSolver, OutOfBagFamily):
    """The same with one out-of-bag fit on all rows."""


class FakePacks(FakeSolver, PackedFamily):
    """The same with fits that are trained together."""

    packable_params = frozenset({"x"})

    def __init__(self, name, *args, pack_size, **options):
        super().__init__(name, *args, **options)
        self._pack_size = pack_size

    def max_pack_size(self, params, problem):
        return self._pack_size

    def pack_resources(self, n_members, problem):
        return replace(self._need, n_gpus=1.0 if self._need.n_gpus else 0.0)


def fake_family(name, *args, out_of_bag=False, pack_size=0, refits=True, **options):
    """A family that is never fitted, with the requested capabilities."""
    if pack_size:
        return FakePacks(name, *args, pack_size=pack_size, **options)
    kind = FakeBag if out_of_bag else FakeSolver if refits else FakeFamily
    return kind(name, *args, **options)


@dataclass
class FakeExecutor(OneMachineExecutor):
    """Answers one running job per poll; the test chooses the job and the answer.

    Attributes:
        answer: Makes the event of a job, or a list of them; None leaves it running.
    turn: Makes all events of a poll, of any jobs; in place of ``answer``.
    choose: Chooses among the running jobs, in the order they were started.
    seconds: Seconds by which each poll moves the clock.
    answers_after_s: A poll with a shorter timeout returns nothing.
    untold: Ends of jobs that were killed, which the next poll returns.
    """

    pool: DevicePool
    clock: Clock
    answer: Callable[[Job], Any]
    choose: Callable[[list[Job]], int] = lambda jobs: 0
    seconds: float = 0.1
    answers_after_s: float = TICK_S
    turn: Callable[[], list[ExecutorEvent]] | None = None
    submitted: list[Job] = field(default_factory=list)
    packs: list[list[str]] = field(default_factory=list)
    running: dict[str, tuple[Job, Any]] = field(default_factory=dict)
    to_prune: set[str] = field(default_factory=set)
    killed: list[str] = field(default_factory=list)
    stopped: bool = False
    untold: list[Failed] = field(default_factory=list)

    def open(self, setup, state=None, interrupted=None):
        raise AssertionError("it is open")

    def close(self):
        raise AssertionError("a scene stays open")

    def submit(self, jobs, lease, modules):
        assert not self.stopped
        self.packs.append([job.job_id for job in jobs])
        for job in jobs:
            assert job.job_id not in self.running
            self.submitted.append(job)
            self.running[job.job_id] = (job, lease)

    def poll(self, timeout_s):
        if timeout_s < self.answers_after_s:
            return []
        self.clock.now += self.seconds
        happenings, self.untold = list(self.untold), []
        happenings += self._answers() if self.turn is None else self.turn()
        for happening in happenings:
            if not isinstance(happening, Reported) and happening.job_id in self.running:
                self._end(happening.job_id)
        return happenings

    def _answers(self):
        if not self.running:
            return []
        jobs = [job for job, _ in self.running.values()]
        job = jobs[self.choose(jobs)]
        if job.job_id in self.to_prune:
            return [Pruned(job.job_id, 1)]
        answers = self.answer(job)
        answers = answers if isinstance(answers, list) else [answers]
        return [answer for answer in answers if answer is not None]

    def prune(self, job_id):
        if job_id in self.running:
            self.to_prune.add(job_id)

    def kill(self, job_id, error):
        if job_id in self.running:
            self.killed.append(job_id)
            self._end(job_id)
            self.untold.append(Failed(job_id, error))

    def stop(self):
        self.stopped = True
        for job_id in list(self.running):
            self._end(job_id)

    def _end(self, job_id):
        _, lease = self.running.pop(job_id)
        if not any(other is lease for _, other in self.running.values()):
            self.pool.release(lease)


@dataclass
class Scene:
    """A search with its fake executor, and the functions behind its answers."""

    run: RunDir
    dataset: Dataset
    plan: Any
    config: SearchConfig
    clock: Clock
    executor: FakeExecutor
    controller: Controller
    interrupted: list[bool]
    skill: Callable[[Job], float]
    fit_s: Callable[[Job], float]
    predict_ms: Callable[[Job], float]
    news: Sequence[str] = ()

    @property
    def ledger(self) -> Ledger:
        return self.controller.ledger

    @property
    def proposer(self) -> Proposer:
        return self.controller.proposer

    @property
    def dispatcher(self) -> Dispatcher:
        return self.controller.dispatcher

    @property
    def incumbent(self) -> EnsembleTracker:
        return self.controller.incumbent

    @property
    def budget(self) -> Budget:
        return self.controller.budget

    def rows(self, fold: int) -> Any:
        return np.arange(N_ROWS) if fold == ALL_ROWS else self.plan.splits[fold].valid

    def predictions(self, job: Job) -> Any:
        """Probabilities ``(n, 2)``, closer to the true class the higher the skill."""
        rows = self.rows(job.fold)
        rng = np.random.default_rng(derive_seed(job.spec.trial_id, "noise"))
        noise = rng.uniform(-0.05, 0.05, N_ROWS)[rows]
        side = 2 * self.dataset.y[rows] - 1
        p = np.clip(0.5 + 0.45 * self.skill(job) * side + noise, 0.01, 0.99)
        return np.column_stack([1 - p, p])

    def done(self, job: Job, prediction: Any = None) -> Done:
        """Writes the files of a worker, and returns its answer."""
        prediction = self.predictions(job) if prediction is None else prediction
        path = self.run.oof(job.spec.trial_id, job.fold)
        self.run.model(job.spec.trial_id, job.fold).mkdir(parents=True, exist_ok=True)
        np.save(path, prediction.astype(np.float32))
        score = self.incumbent.oof.metric.score(self.dataset.y[self.rows(job.fold)], prediction)
        result = FoldResult(
            job.fold,
            score,
            self.fit_s(job),
            0.0,
            n_valid=len(prediction),
            predict_ms=self.predict_ms(job),
        )
        return Done(job.job_id, result)

    def failed(self, job: Job, kind: str = "exception", message: str = "no") -> Failed:
        return Failed(job.job_id, TrialError(kind, message, fold=job.fold))

    def search(self) -> list[Any]:
        return list(self.controller.events())

    def params(self) -> list[Any]:
        """Family and params of all trials in the order of proposal."""
        return [(t.spec.family, t.spec.params["x"]) for t in self.ledger.trials]


@functools.cache
def small_dataset(group: bool) -> Dataset:
    """Two alternating classes without informative columns: skill comes from the executor."""
    rng = np.random.default_rng(0)
    y = np.arange(N_ROWS) % 2
    frame = pd.DataFrame({"a": rng.normal(size=N_ROWS), "y": np.where(y == 1, "yes", "no")})
    dataset = load_dataset(frame, target="y")
    return replace(dataset, group=np.arange(N_ROWS) // 3) if group else dataset


def build_scene(
    path: Path,
    clock: Clock,
    families: Sequence[ModelFamily],
    *,
    slots: int = 2,
    folds: int = 3,
    trials: int | None = None,
    time_s: float | None = None,
    group: bool = False,
    by_time: bool = False,
    memory_gib: float = math.inf,
    gpus: Sequence[Gpu] = (),
    metric: str = "log_loss",
    config: SearchConfig | None = None,
    model: Mapping[str, Any] | None = None,
    answer: Callable[[Scene, Job], Any] | None = None,
    skill: Callable[[Job], float] = lambda job: job.spec.params["x"],
    fit_s: Callable[[Job], float] = lambda job: 0.1,
    predict_ms: Callable[[Job], float] = lambda job: 0.0,
    killed: Scene | None = None,
) -> Scene:
    """Builds a search around a fake executor; resumes it if a ``killed`` scene is given."""
    config = config or SearchConfig()
    config.time_s, config.trials, config.model = time_s, trials, dict(model or {})
    run = RunDir(path) if killed is None else killed.run
    for folder in (run.path, run.trials, run.ensemble):
        folder.mkdir(parents=True, exist_ok=killed is not None)
    earlier = None if killed is None else read_earlier_search(run)
    dataset = small_dataset(group)
    if by_time:
        dataset = replace(dataset, time=np.arange(N_ROWS), time_name="day")
    plan = make_split_plan(dataset, seed=0, folds=folds)
    chosen = get_metric(metric, dataset.target.task, {})
    setup = TrialSetup(
        str(run.path), metric, 0, folds, n_gpus=len(gpus), time_s=time_s, settings=config.model
    )
    shapes = {f.name: (f, problem_info(setup, dataset, chosen, f)) for f in families}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pool, interrupted = DevicePool(slots, tuple(gpus), memory_gib=memory_gib), [False]
    executor = FakeExecutor(pool, clock, answer=lambda job: None)
    capacity = executor.capacity()
    controller = build_search(
        Problem(run, config, dataset, plan, chosen, setup, shapes, capacity),
        executor,
        started=clock.now - (earlier.elapsed_s if earlier else 0.0),
        clock=clock.monotonic,
        interrupted=lambda: interrupted[0],
    )
    news = restore_trials(earlier, controller) if earlier else ()
    data, answers = (run, dataset, plan, config), (skill, fit_s, predict_ms)
    scene = Scene(*data, clock, executor, controller, interrupted, *answers, news)
    executor.answer = scene.done if answer is None else functools.partial(answer, scene)
    return scene


@pytest.fixture
def clock() -> Clock:
    """A clock that only polls move; shared with the search."""
    return Clock()


@pytest.fixture
def make_family() -> Callable[..., ModelFamily]:
    """Makes a family that is never fitted."""
    return fake_family


@pytest.fixture
def make_scene(tmp_path: Path, clock: Clock) -> Callable[..., Scene]:
    """Makes a search with a fake executor, each in its own directory."""
    count = iter(range(10_000))

    def make(families: Sequence[ModelFamily], **options: Any) -> Scene:
        return build_scene(tmp_path / f"run-{next(count)}", clock, families, **options)

    return make
