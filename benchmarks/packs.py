"""What it brings to train nets in packs: several params on all folds, packed and one by one.

    python -m benchmarks.packs --csv housing.csv --target median_house_value

Each family's default and params that differ from it in what may differ within a pack are fitted on
all folds: one fit after another, and in the packs that the family makes of them; on the CPU with
each number of ``--threads``, and on a GPU where there is one. Times are of fits alone, with nothing
kept from the other way. Both ways train for as many epochs, or until they stop early; out-of-fold
scores differ by rounding, which training enlarges.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Slot", "Way", "draw_params", "main", "measure", "slots"]

SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Slot:
    """Where fits run: ``cpu`` or ``cuda:0``, and threads."""

    device: str
    n_threads: int


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
        problem = _problem(name, options)
        for slot in slots(options.threads):
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


def slots(threads: Sequence[int]) -> list[Slot]:
    """The CPU with each number of threads, and the first GPU if there is one."""
    import torch

    found = [Slot("cpu", n) for n in threads]
    return found + ([Slot("cuda:0", max(threads))] if torch.cuda.is_available() else [])


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
        shape: Of the problem, on a CPU.
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
    from automl.plugin import TrialContext

    shape = replace(problem.shape, n_gpus=int(slot.device != "cpu"), n_cpus=slot.n_threads)
    context = TrialContext(shape, 0, slot.n_threads, slot.device)
    warm_up = replace(context, time_limit_s=1.0)  # a context of CUDA, pools of threads
    problem.family.fit(problem.params[0], problem.folds[0], warm_up, lambda step, score: None)
    n_folds = len(problem.folds)
    packs = [
        [(i, k) for i in group for k in range(n_folds)]
        for group in problem.family.split_into_packs(problem.params, shape)
    ]
    one_by_one = [[fit] for pack in packs for fit in pack]
    return _run(problem, context, one_by_one), _run(problem, context, packs)


def _run(problem: Problem, context: Any, packs: Sequence[Sequence[tuple[int, int]]]) -> Way:
    """Fits packs of (params, fold), one pack after another."""
    from automl.plugin import PackFit

    folds = [replace(fold, memo={}) for fold in problem.folds]
    steps: list[int] = []
    models: dict[tuple[int, int], Any] = {}

    def note(step: int, score: float) -> None:
        steps.append(step)

    with _gpu_share(context.device) as share:
        started, cpu_s = time.perf_counter(), time.process_time()
        for pack in packs:
            members = [
                PackFit(problem.params[i], folds[k], seed=1_000 * i + k, report=note)
                for i, k in pack
            ]
            models.update(zip(pack, problem.family.fit_pack(members, context), strict=True))
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    scores = [_score(problem, i, folds, models) for i in range(len(problem.params))]
    return Way(seconds, cpu_s, len(steps), np.array(scores), float(np.mean(share or [np.nan])))


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


def _problem(name: str, options: argparse.Namespace) -> Problem:
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
    problem = replace(problem, settings={**problem.settings, **settings}, n_folds=options.folds)
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


@contextlib.contextmanager
def _gpu_share(device: str) -> Iterator[list[float]]:
    """Notes from time to time how busy the first GPU is, where NVML tells."""
    seen: list[float] = []
    nvml = None
    with contextlib.suppress(OSError):
        nvml = ctypes.CDLL("libnvidia-ml.so.1") if device != "cpu" else None
    if nvml is None or nvml.nvmlInit_v2():
        yield seen
        return
    handle, rates = ctypes.c_void_p(), (ctypes.c_uint * 2)()
    nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(0), ctypes.byref(handle))
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_S):
            if nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(rates)) == 0:
                seen.append(rates[0] / 100)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
        nvml.nvmlShutdown()


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
    parser.add_argument("--modules", nargs="+", default=(), help="plugins that are not installed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
