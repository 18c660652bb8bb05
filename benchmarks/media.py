"""Families of images and series on the folds of one source, beside a classic small net.

    python -m benchmarks.media photos/
    python -m benchmarks.media steps.csv --series-id patient --step minute --target outcome
    python -m benchmarks.media wide.csv --wide t --families rocket rnn

Every family that takes images or sequences is fitted on each fold with the first params of its
portfolio. ``classic`` is the convolutional net of many first lessons: convolutions of 32, 64 and
64 filters with two pools between, 64 hidden units, RMSprop, 5 epochs of batches of 64. A row a
family is printed: errors (or RMSE) and log-loss of the out-of-fold predictions, seconds of all
fits; at last the plain mean of the families.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data import Dataset, ReadOptions, load_dataset
from automl.data.folds.encoder_store import EncoderStore
from automl.data.split.choose import SplitPlan, make_split_plan
from automl.metrics import default_metric, get_metric
from automl.plugin import TABULAR_KINDS, Encoding, Fold, ModelFamily, Task, TrialContext
from automl.registry import load_registry
from automl.trial.setup import TrialSetup, problem_info

__all__ = ["fit_classic", "main"]

Predict = Callable[[Fold, int], NDArray[Any]]
"""Fits a fold of that number and predicts its validation rows."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each family."""
    options = _options(arguments)
    reading = ReadOptions(
        series_id=options.series_id, step=options.step, wide=tuple(options.wide or ())
    )
    dataset = load_dataset(options.source, target=options.target, options=reading)
    plan = make_split_plan(dataset, seed=options.seed, folds=options.folds)
    print("| family | errors | log-loss | seconds |", flush=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = EncoderStore(Path(folder), options.seed, plan.digest)
        for name, family, predict in _systems(dataset, plan, options):
            started, prediction = time.perf_counter(), _empty(dataset)
            for k, division in enumerate(plan.splits):
                fold, _ = store.fold(dataset, plan, k, Encoding(), family.kinds)
                prediction[division.valid] = predict(fold, k)
            _print(name, dataset, prediction, time.perf_counter() - started)
            found.append(prediction)
    _print("mean", dataset, np.mean(found, axis=0), 0.0)


def fit_classic(
    images: NDArray[np.uint8],
    y: NDArray[Any],
    others: NDArray[np.uint8],
    n_classes: int,
    seed: int,
) -> NDArray[np.float64]:
    """Trains the classic net and predicts other images.

    Args:
        images: To learn from, ``(n_images, height, width, channels)``.
        y: Their classes, ``(n_images,)``.
        others: To predict.
        n_classes: How many there are.
        seed: Of weights and order.

    Returns:
        Probabilities ``(n_others, n_classes)``.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    train, valid = (
        torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
        for pixels in (images, others)
    )
    layers: list[nn.Module] = []
    for width, pools in ((32, True), (64, True), (64, False)):
        layers += [nn.LazyConv2d(width, 3), nn.ReLU(), *([nn.MaxPool2d(2)] if pools else [])]
    layers += [nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, n_classes)]
    net = nn.Sequential(*layers)
    net(train[:1])
    target = torch.from_numpy(np.array(y, dtype=np.int64))
    optimiser = torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.9)
    for _ in range(5):
        for rows in torch.randperm(len(target)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(train[rows]), target[rows]).backward()
            optimiser.step()
    with torch.inference_mode():
        probabilities: NDArray[np.float64] = net(valid).double().softmax(-1).numpy()
    return probabilities


def _systems(
    dataset: Dataset, plan: SplitPlan, options: argparse.Namespace
) -> list[tuple[str, ModelFamily, Predict]]:
    """Families that take what the data holds, and the classic net for images of classes."""
    held = {column.kind for column in dataset.table.used} - TABULAR_KINDS
    takers = [f for f in load_registry().select(None) if f.kinds & held]
    chosen = [f for f in takers if not options.families or f.name in options.families]
    systems = [(f.name, f, _fitting(f, dataset, plan, options.seed)) for f in chosen]
    n_classes = dataset.target.n_classes
    classic = [f for f in chosen if f.name == "cnn" and n_classes]

    def predict(fold: Fold, number: int) -> NDArray[Any]:
        images, others = (rows.images[0].read() for rows in (fold.train, fold.valid))
        return fit_classic(images, fold.y_train, others, n_classes, options.seed)

    return systems + [("classic", family, predict) for family in classic]


def _fitting(family: ModelFamily, dataset: Dataset, plan: SplitPlan, seed: int) -> Predict:
    shape = _shape(dataset, plan, family)
    params = family.portfolio(shape)[0]

    def predict(fold: Fold, number: int) -> NDArray[Any]:
        context = TrialContext(shape, seed=seed + number)
        model = family.fit(params, fold, context, lambda step, score: None)
        return model.predict(fold.valid.for_kinds(family.kinds))

    return predict


def _shape(dataset: Dataset, plan: SplitPlan, family: ModelFamily) -> Any:
    metric = default_metric(dataset.target.task)
    setup = TrialSetup(run="", metric=metric.name, seed=0, n_folds=plan.n_folds)
    return problem_info(setup, dataset, metric, family)


def _empty(dataset: Dataset) -> NDArray[np.float64]:
    n_rows, n_outputs = len(dataset.y), dataset.target.n_outputs
    return np.full((n_rows, n_outputs) if n_outputs else (n_rows,), np.nan)


def _print(name: str, dataset: Dataset, prediction: NDArray[Any], seconds: float) -> None:
    y, task = dataset.y, dataset.target.task
    seen = np.isfinite(prediction.reshape(len(y), -1)).all(axis=1)
    if not task.is_classification:
        rmse = get_metric("rmse", Task.REGRESSION).score(y[seen], prediction[seen])
        print(f"| {name} | {rmse:.4f} | | {seconds:.0f} |", flush=True)
        return
    n_wrong = int((prediction[seen].argmax(axis=1) != y[seen]).sum())
    loss = get_metric("log_loss", task).score(y[seen], prediction[seen])
    share = n_wrong / int(seen.sum())
    print(f"| {name} | {n_wrong} ({share:.2%}) | {loss:.4f} | {seconds:.0f} |", flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Families of images and series.")
    parser.add_argument("source")
    parser.add_argument("--target")
    parser.add_argument("--series-id")
    parser.add_argument("--step")
    parser.add_argument("--wide", nargs="+", metavar="PREFIX")
    parser.add_argument("--families", nargs="+", metavar="NAME")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
