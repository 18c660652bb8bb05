"""What it brings to train nets in packs: several params on all folds, packed and one by one.

    python -m benchmarks.packs --csv housing.csv --target median_house_value

Each family's default and params that differ from it in what may differ within a pack are fitted on
all folds: one fit after another, and in the packs that the family makes of them; on the CPU with
each number of ``--threads``, and on a GPU if there is one. ``--device gpu`` measures the GPU alone.
On a GPU nets have the size that they have in a search with one. Times are of fits alone, with
nothing kept from the other way. Both ways train for as many epochs, or until they stop early;
out-of-fold scores differ by rounding, which training enlarges.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu import watched_gpu

__all__ = [
    "DEVICES",
    "Problem",
    "Slot",
    "Way",
    "draw_params",
    "main",
    "measure",
    "open_problem",
    "prepare",
    "run_packs",
    "slots",
]

DEVICES = ("all", "cpu", "gpu")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where fits run: ``cpu`` or ``cuda:0``, and threads."""

    device: str
    n_threads: int

    @property
    def n_gpus(self) -> int:
        """GPUs of a run that has this slot."""
        return int(self.device != "cpu")


@dataclass(frozen=True, slots=True)
class Way:
    """All fits, done in one way.

    Attributes:
        seconds: Wall-clock time.
        cpu_s: CPU time of this process: neighbours on the machine do not count.
        n_epochs: Of all fits together.
        scores: Out-of-fold, of each params.
        gpu_share: Mean share of the time in which the GPU was busy; NaN where nobody tells.
    """

    seconds: float
    cpu_s: float
    n_epochs: int
    scores: NDArray[np.float64]
    gpu_share: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one line for each family and slot."""
    options = _options(arguments)
    print(
        _row(["family", "slot", "way", "s", "CPU s", "members/s", "epochs/s", "GPU busy", "score"])
    )
    print(_row(["---"] * 9))
    for name in options.families:
        for slot in slots(options.threads, options.device):
            problem = open_problem(name, options, n_gpus=slot.n_gpus)
            alone, packed = measure(problem, slot)
            for way, found in (("one by one", alone), ("packed", packed)):
                print(_row(_cells(name, slot, way, found, problem.n_fits)))
            difference = np.abs(packed.scores - alone.scores)
            print(
                f"{name}, {slot.device}, {slot.n_threads} thread(s): packed is "
                f"{alone.seconds / packed.seconds:.2f} times as fast "
                f"({alone.cpu_s / packed.cpu_s:.2f} by CPU time); {problem.metric.name} differs "
                f"by {difference.mean() / np.abs(alone.scores).mean():.2%} in the mean of params",
                flush=True,
            )


def slots(threads: Sequence[int], device: str = "all") -> list[Slot]:
    """The CPU with each number of threads, and the first GPU if there is one.

    Args:
        threads: Numbers of threads.
        device: ``all``, or ``cpu`` or ``gpu`` for one of the two alone.

    Raises:
        SystemExit: The GPU alone is asked for, and there is none.
    """
    import torch

    found = [Slot("cpu", n) for n in threads if device != "gpu"]
    if device != "cpu" and torch.cuda.is_available():
        found.append(Slot("cuda:0", max(threads)))
    if not found:
        raise SystemExit("--device gpu needs a GPU, and torch sees none")
    return found


def draw_params(family: Any, shape: Any, n: int, seed: int = 0) -> list[dict[str, Any]]:
    """The default of a family, and random params that may be packed with it."""
    from automl.testing.fakes import RandomSuggest
    from automl.tuning.problem.search_space import FixedSuggest

    default = dict(family.portfolio(shape)[0])
    fixed = {name: value for name, value in default.items() if name not in family.packable_params}
    drawn = [
        family.search_space(FixedSuggest(RandomSuggest(seed + i), fixed), shape)
        for i in range(1, n)
    ]
    return [default, *drawn]


@dataclass(frozen=True, slots=True)
class Problem:
    """A family, its params, and the folds of a table.

    Attributes:
        family: The family.
        shape: Of the problem, with the GPUs of the run.
        metric: What counts.
        params: What is fitted.
        folds: Encoded; each validation row is in one of them.
        valid: Numbers of the validation rows of each fold.
        y: All targets.
    """

    family: Any
    shape: Any
    metric: Any
    params: Sequence[dict[str, Any]]
    folds: Sequence[Any]
    valid: Sequence[NDArray[np.int64]]
    y: NDArray[Any]

    @property
    def n_fits(self) -> int:
        """Params times folds."""
        return len(self.params) * len(self.folds)


def measure(problem: Problem, slot: Slot) -> tuple[Way, Way]:
    """Fits all params on all folds, one by one and packed."""
    context, packs = prepare(problem, slot)
    one_by_one = [[fit] for pack in packs for fit in pack]
    return run_packs(problem, context, one_by_one), run_packs(problem, context, packs)


def prepare(problem: Problem, slot: Slot) -> tuple[Any, list[list[tuple[int, int]]]]:
    """Warms a slot up.

    Returns:
        The context of its fits, and the packs that the family makes, each of (params, fold).
    """
    from automl.plugin import TrialContext

    shape = replace(problem.shape, n_gpus=slot.n_gpus, n_cpus=slot.n_threads)
    context = TrialContext(shape, 0, slot.n_threads, slot.device)
    warm_up = replace(context, time_limit_s=1.0)  # a context of CUDA, pools of threads
    problem.family.fit(problem.params[0], problem.folds[0], warm_up, lambda step, score: None)
    n_folds = len(problem.folds)
    groups = problem.family.split_into_packs(problem.params, shape)
    return context, [[(i, k) for i in group for k in range(n_folds)] for group in groups]


def run_packs(problem: Problem, context: Any, packs: Sequence[Sequence[tuple[int, int]]]) -> Way:
    """Fits packs of (params, fold), one pack after another."""
    from automl.plugin import PackFit

    folds = [replace(fold, memo={}) for fold in problem.folds]
    steps: list[int] = []
    models: dict[tuple[int, int], Any] = {}

    def note(step: int, score: float) -> None:
        steps.append(step)

    with watched_gpu(context.device != "cpu") as samples:
        started, cpu_s = time.perf_counter(), time.process_time()
        for pack in packs:
            members = [
                PackFit(problem.params[i], folds[k], seed=1_000 * i + k, report=note)
                for i, k in pack
            ]
            models.update(zip(pack, problem.family.fit_pack(members, context), strict=True))
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    scores = [_score(problem, i, folds, models) for i in range(len(problem.params))]
    share = float(np.mean([sample.busy for sample in samples])) if samples else float("nan")
    return Way(seconds, cpu_s, len(steps), np.array(scores), share)


def _score(problem: Problem, i: int, folds: Sequence[Any], models: dict[Any, Any]) -> float:
    """Out-of-fold score of one params.

    Raises:
        Exception: What ended one of its fits.
    """
    prediction: Any = None
    for k, valid in enumerate(problem.valid):
        model = models[i, k]
        if isinstance(model, Exception):
            raise model
        own = model.predict(folds[k].X_valid)
        if prediction is None:
            prediction = np.empty((len(problem.y), *own.shape[1:]))
        prediction[valid] = own
    return float(problem.metric.score(problem.y, prediction))


def open_problem(name: str, options: argparse.Namespace, *, n_gpus: int = 0) -> Problem:
    """Reads the table of the options, and draws params of a family.

    Args:
        name: Name of the family.
        options: Those of the command line: csv, target, modules, epochs, folds, params.
        n_gpus: GPUs of a run, which decide on the size of its nets.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    from automl.data.load import load_dataset
    from automl.data.split.choose import Split
    from automl.metrics import default_metric
    from automl.registry import load_registry
    from automl.trial.setup import TrialSetup, problem_info
    from benchmarks.folds import encoded_fold

    dataset = load_dataset(options.csv, target=options.target)
    target, family = dataset.target, load_registry(options.modules).get(name)
    metric, settings = default_metric(target.task), {"max_epochs": options.epochs}
    setup = TrialSetup("", metric.name, 0, options.folds)
    problem = problem_info(setup, dataset, metric, family)
    settings = {**problem.settings, **settings}
    problem = replace(problem, settings=settings, n_folds=options.folds, n_gpus=n_gpus)
    params = draw_params(family, problem, options.params)
    encoding = family.encoding(params[0], problem)
    kind = StratifiedKFold if target.n_classes else KFold
    split = kind(options.folds, shuffle=True, random_state=0).split(dataset.y, dataset.y)
    folds, valid_rows = [], []
    for train, valid in split:
        fold, _ = encoded_fold(dataset, Split(train, valid), encoding, family.kinds)
        folds.append(fold)
        valid_rows.append(valid)
    return Problem(family, problem, metric, params, folds, valid_rows, dataset.y)


def _cells(name: str, slot: Slot, way: str, found: Way, n_fits: int) -> list[str]:
    return [
        name,
        f"{slot.device}, {slot.n_threads} thread(s)",
        way,
        f"{found.seconds:.1f}",
        f"{found.cpu_s:.1f}",
        f"{n_fits / found.seconds:.2f}",
        f"{found.n_epochs / found.seconds:.1f}",
        "" if np.isnan(found.gpu_share) else f"{found.gpu_share:.0%}",
        f"{np.mean(found.scores):.5g}",
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.packs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--families", nargs="+", default=["mlp", "tabm"])
    parser.add_argument("--params", type=int, default=8)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20, help="at most")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", choices=DEVICES, default="all", help="of the measurement")
    parser.add_argument("--modules", nargs="+", default=(), help="plugins that are not installed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
