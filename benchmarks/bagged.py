"""What the mean of the folds' models is expected to score, against what it scores on new rows.

    python -m benchmarks.bagged --catalog PATH abalone adult credit_g

Each table is searched for some trials of each family, on at most 3,000 rows and five folds. Of
every complete trial there is the score that is said (out of fold), what the mean of its folds'
models is expected to score, and what it does score on rows apart. Results are appended to a file
of JSON lines; a table that is in it is not run again. The report has the bias and the spread of
both, and how they order the trials of a table. Half a minute to a minute a table, on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from automl.ensemble import fold_variance, gain_of_mean, in_log_odds, on_scale_of_noise, read_oof
from automl.run_reader import RunReader
from automl.store.run_dir import RunDir
from automl.trial.refit_agreement import rows_to_compare
from benchmarks.results import append_result, read_results
from benchmarks.tables import Entry, divide, read_catalog, read_table

__all__ = ["main", "measure", "report"]

FAMILIES = ("lightgbm", "xgboost", "catboost", "forest", "linear", "knn", "svm", "mlp")
WAYS = ("expected", "logits", "unseen", "unseen_logits")
MAX_TRAIN, MAX_TEST, TEST_SHARE = 3_000, 20_000, 0.5
RESULTS = Path(__file__).parent / "bagged.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE")
    parser.add_argument("--catalog", type=Path, help="CSV with columns name, file, target, task")
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--time-s", type=float, default=45.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    done = {result["table"] for result in read_results(options.results)}
    for entry in read_catalog(options.catalog, options.tables) if options.tables else ():
        if entry.name not in done:
            found = measure(entry, options.families, options.trials, options.time_s)
            append_result(options.results, found)
            print(json.dumps({**found, "members": len(found["members"])}), flush=True)
    print(report(read_results(options.results)))


def measure(entry: Entry, families: Sequence[str], trials: int, time_s: float) -> dict[str, Any]:
    """Searches one table, and looks at every complete trial."""
    import automl

    frame = read_table(entry)
    labels, is_class = frame[entry.target].tolist(), entry.task != "regression"
    train, test = divide(labels, is_class, 0, entry.name, share=TEST_SHARE)
    rng = np.random.default_rng(0)
    train, test = (
        np.sort(rng.permutation(rows)[:most])
        for rows, most in ((train, MAX_TRAIN), (test, MAX_TEST))
    )
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / f"{name}.csv" for name in ("train", "test")]
        for path, rows in zip(parts, (train, test), strict=True):
            frame.iloc[rows].to_csv(path, index=False)
        run = automl.search(
            parts[0],
            entry.target,
            task=entry.task,
            trials=trials,
            time_s=time_s,
            out=Path(folder) / "run",
            overrides=(
                f"family=[{','.join(families)}]",
                "search.folds=5",
                "search.repeats=1",
                "ensemble.refit=false",
            ),
        )
        opened = RunReader(RunDir(run.path))
        members, predict_s = _members(opened, run.board(parts[1]), parts[1])
    return {
        "table": entry.name,
        "rows": len(train),
        "test_rows": len(test),
        "metric": opened.metric.name,
        "greater_is_better": opened.metric.greater_is_better,
        "predict_s": round(predict_s, 3),
        "members": members,
    }


def _members(opened: RunReader, board: Any, test: Path) -> tuple[list[dict[str, Any]], float]:
    """Said, expected and true score of each complete trial; seconds of what it took."""
    found, predict_s = [], 0.0
    new_rows = opened.features(test)
    for row in board.trials:
        ensemble = None if row.score is None else opened.single_trial_ensemble(row.trial)
        if ensemble is None or row.test_score is None:
            continue
        facts = {"trial": row.trial, "said": row.score, "true": row.test_score}
        expected, seconds = _expected(opened, ensemble, row.score, new_rows)
        found.append({**facts, **expected})
        predict_s += seconds
    return found, predict_s


def _expected(
    opened: RunReader, ensemble: Any, said: float, new_rows: Any
) -> tuple[dict[str, float], float]:
    """What is expected with the variance by the rows at hand, and with that on new rows."""
    from automl.data.table import Table

    (member,), plan, dataset = ensemble.members, opened.plan, opened.dataset
    if min(member.folds) < 0:
        return dict.fromkeys(WAYS, said), 0.0
    rows = rows_to_compare(plan.n_rows, opened.config.seed)
    table = Table(dataset.table.data.take(rows), dataset.table.columns)
    start = time.monotonic()
    known = _of_folds(opened, ensemble, table)
    seconds = time.monotonic() - start
    new = _of_folds(opened, ensemble, new_rows)
    saw = np.ones((len(member.folds), plan.n_rows), dtype=bool)
    for number, fold in enumerate(member.folds):
        saw[number, plan.splits[fold].valid] = False
    is_class = ensemble.task.is_classification
    oof = read_oof(opened.run, member.trial, member.folds, plan, sum_to_one=is_class)
    found = {}
    for way in WAYS:
        predictions = known if "unseen" not in way else new
        mask = saw[:, rows] if "unseen" not in way else np.zeros(predictions.shape[:2], dtype=bool)
        in_logits = is_class and "logits" in way
        scaled = on_scale_of_noise(
            predictions.reshape(-1, *predictions.shape[2:]), in_logits
        ).reshape(predictions.shape)
        variance = fold_variance(scaled, mask, np.ones(mask.shape[1]))
        if is_class and not in_logits:
            variance = in_log_odds(variance, oof)
        gain = gain_of_mean(
            oof,
            dataset.y,
            opened.metric,
            variance,
            len(member.folds),
            is_classification=is_class,
            fold=plan.fold_of_row,
        )
        found[way] = said if math.isnan(gain) else said + gain
    return found, seconds


def _of_folds(opened: RunReader, ensemble: Any, table: Any) -> Any:
    """Predictions of the model of each fold, ``(n_folds, n_rows, ...)``."""
    (member,) = ensemble.members
    alone = (replace(ensemble, members=(replace(member, folds=(f,)),)) for f in member.folds)
    return np.stack([opened.make_predictor(one).predict(table) for one in alone])


def report(results: Sequence[Mapping[str, Any]]) -> str:
    """A line a table: errors of both scores as shares of the loss, and the order by both."""
    lines = [
        f"{'table':20s} {'n':>3s} {'said-true':>10s} {'sd':>7s} {'exp-true':>10s} {'sd':>7s} "
        f"{'rho said':>9s} {'rho exp':>8s} {'regret':>7s} {'reg exp':>7s}"
    ]
    rows = [_figures(result) for result in results]
    for result, row in zip(results, rows, strict=True):
        lines.append(_line(result["table"], row))
    if rows:
        lines.append(
            _line("mean", [float(np.nanmean(column)) for column in zip(*rows, strict=True)])
        )
    by_family: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        for member in result["members"]:
            family = member["trial"].rpartition("-")[0]
            by_family.setdefault(family, []).append(_errors(result, member))
    for family, errors in sorted(by_family.items()):
        said, expected = np.mean(errors, axis=0)
        lines.append(f"{family:20s} {len(errors):3d} {said:+10.2f} {'':7s} {expected:+10.2f}")
    return "\n".join(lines)


def _line(name: str, row: Sequence[float]) -> str:
    n, said, said_sd, expected, expected_sd, rho, rho_expected, regret, regret_expected = row
    return (
        f"{name:20s} {n:3.0f} {said:+10.2f} {said_sd:7.2f} {expected:+10.2f} {expected_sd:7.2f} "
        f"{rho:9.3f} {rho_expected:8.3f} {regret:7.2f} {regret_expected:7.2f}"
    )


def _loss(result: Mapping[str, Any], score: float) -> float:
    """What is left to the best score: 1 less an AUC, and a loss as it is."""
    return 1.0 - score if result["greater_is_better"] else score


def _errors(result: Mapping[str, Any], member: Mapping[str, float]) -> tuple[float, float]:
    """By how many percent of the loss the said and the expected loss are too high."""
    said, expected, true = (_loss(result, member[name]) for name in ("said", "expected", "true"))
    return 100 * math.log(said / true), 100 * math.log(max(expected, 1e-9) / true)


def _figures(result: Mapping[str, Any]) -> list[float]:
    members = result["members"]
    errors = np.array([_errors(result, member) for member in members])
    said, expected, true = (
        np.array([_loss(result, member[name]) for member in members])
        for name in ("said", "expected", "true")
    )
    return [
        len(members),
        errors[:, 0].mean(),
        errors[:, 0].std(),
        errors[:, 1].mean(),
        errors[:, 1].std(),
        float(spearmanr(said, true).statistic),
        float(spearmanr(expected, true).statistic),
        100 * math.log(true[said.argmin()] / true.min()),
        100 * math.log(true[expected.argmin()] / true.min()),
    ]


if __name__ == "__main__":
    main()
