"""Checks on resume that data, folds, metric and search spaces are those of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from automl.config.fields import config_keys, value_of
from automl.config.schema import SearchConfig
from automl.data import fingerprint
from automl.data.table import Dataset
from automl.errors import RunError
from automl.plugin.family import ModelFamily
from automl.plugin.iterative import IterativeFamily
from automl.registry import Registry
from automl.surface import named
from automl.tuning.problem.problem import Problem
from automl.tuning.problem.search_space import describe_space

__all__ = ["check_config", "check_data", "check_problem", "manifest_facts"]


def manifest_facts(problem: Problem, registry: Registry) -> dict[str, Any]:
    """The facts about a search for its manifest, except versions and status."""
    config, dataset, plan = problem.config, problem.dataset, problem.plan
    origins = {name: registry.families[name] for name in problem.families}
    return {
        "data": {
            "path": config.data_path,
            "n_rows": len(dataset.y),
            "fingerprint": fingerprint(dataset),
        },
        "target": dataset.target.name,
        "task": dataset.target.task.value,
        "metric": {
            "name": problem.metric.name,
            "greater_is_better": problem.metric.greater_is_better,
        },
        "split": {"kind": plan.kind, "n_folds": plan.n_folds, "digest": plan.digest},
        "objectives": list(config.search.objectives),
        "limits": {name: limit for name, limit in asdict(config.limits).items() if limit},
        "seed": config.seed,
        "budget": {"time_s": config.time_s, "trials": config.trials},
        "deterministic": config.trials is not None,
        "families": {
            name: {
                "distribution": origins[name].distribution,
                "version": origins[name].version,
                "fidelity": _fidelity(origins[name].family),
                "space": describe_space(*problem.families[name]),
            }
            for name in problem.families
        },
    }


def _fidelity(family: ModelFamily) -> str:
    return family.fidelity if isinstance(family, IterativeFamily) else ""


def check_problem(problem: Problem, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Compares a run with its manifest from the start.

    New families are allowed.

    Args:
        problem: The problem in the run directory.
        then: The manifest.
        now: Facts of the problem, from ``manifest_facts``.

    Raises:
        RunError: Data, folds, metric, seed or a search space differ; the text has all
            differences, old and new.
    """
    run = problem.run
    try:
        _refuse(problem, list(_changes(then, now)))
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{run.manifest} is damaged: {error!r}") from None


def check_config(problem: Problem, then: SearchConfig) -> None:
    """Compares the settings that decide on rows and folds with those of the run.

    Raises:
        RunError: A setting differs; the text has all differences, old and new.
    """
    now = problem.config
    lines = [
        _line(named(key), value_of(then, key), value_of(now, key))
        for key, leaf in config_keys(()).items()
        if leaf.declared.is_fixed and value_of(then, key) != value_of(now, key)
    ]
    _refuse(problem, lines)


def check_data(problem: Problem, given: Dataset) -> None:
    """Compares a table that the user passes again with that of the run.

    Args:
        problem: The problem in the run directory.
        given: The data set read now.

    Raises:
        RunError: Rows, columns, kinds or values differ; the text has the differences.
    """
    known = problem.dataset
    if fingerprint(given) == fingerprint(known):
        return
    old = {f"column {c.name!r}": c.kind.value for c in known.table.used}
    new = {f"column {c.name!r}": c.kind.value for c in given.table.used}
    lines = [
        _line(name, old.get(name, "none"), new.get(name, "none"))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    for name, a, b in (
        ("rows", len(known.y), len(given.y)),
        ("target", known.target.name, given.target.name),
        ("task", known.target.task.value, given.target.task.value),
        ("quantiles", known.target.quantiles, given.target.quantiles),
    ):
        if a != b:
            lines.append(_line(name, a, b))
    _refuse(problem, lines or ["the data: other values in the same columns"])


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, old, new in (
        ("fingerprint of the data", then["data"]["fingerprint"], now["data"]["fingerprint"]),
        ("digest of the split plan", then["split"]["digest"], now["split"]["digest"]),
        ("metric", then["metric"]["name"], now["metric"]["name"]),
        ("objectives", then["objectives"], now["objectives"]),
        ("limits", then["limits"], now["limits"]),
        ("seed", then["seed"], now["seed"]),
    ):
        if old != new:
            yield _line(name, old, new)
    for name, family in then["families"].items():
        if name not in now["families"]:
            yield f"family {name}: searched -> not selected, or it does not support this data"
            continue
        old_space, new_space = family["space"], now["families"][name]["space"]
        for param in {**old_space, **new_space}:
            old, new = old_space.get(param, "none"), new_space.get(param, "none")
            if old != new:
                yield _line(f"family {name}: {param}", old, new)


def _line(name: str, old: Any, new: Any) -> str:
    return f"{name}: {_text(old)} -> {_text(new)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _refuse(problem: Problem, lines: list[str]) -> None:
    if lines:
        changes = "\n".join(f"  {line}" for line in lines)
        raise RunError(
            f"{problem.run.path} cannot be resumed, because this was changed since it was "
            f"started:\n{changes}\nchange it back, or start another run with another {named('out')}"
        )
