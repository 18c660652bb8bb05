"""Families for the tests of memory: one that takes what it can get, one that talks a lot."""

import json
import time

import numpy as np

from automl.plugin import ColumnKind, IterativeFamily, ModelFamily, hookimpl

REPORTS = 400


class Separator:
    """Two classes told apart by the first column."""

    def __init__(self, slope):
        self.slope = slope

    def predict(self, X):
        p = 1 / (1 + np.exp(-self.slope * np.float64(X[:, 0])))
        return np.column_stack([1 - p, p])


class Quick(ModelFamily):
    """Fits in no time."""

    name = "quick"
    kinds = frozenset(ColumnKind)

    def search_space(self, suggest, problem):
        return {"slope": suggest.suggest_float("slope", 0.1, 10.0)}

    def fit(self, params, fold, context, report):
        return Separator(params["slope"])

    def save(self, model, path):
        (path / "model.json").write_text(json.dumps(model.slope))

    def load(self, path):
        return Separator(json.loads((path / "model.json").read_text()))


class Talker(IterativeFamily, Quick):
    """Reports hundreds of times in each fit."""

    name = "talker"
    fidelity = "rounds"

    def fit(self, params, fold, context, report):
        for step in range(1, REPORTS + 1):
            report(step, 0.7 - 0.1 * step / REPORTS)
        return super().fit(params, fold, context, report)


class Mixed(Quick):
    """Every second trial of its portfolio takes a GB a second until it is stopped."""

    name = "mixed"

    def search_space(self, suggest, problem):
        hog = suggest.suggest_categorical("hog", [False, True])
        return {"hog": hog, **super().search_space(suggest, problem)}

    def portfolio(self, problem):
        return [{"hog": bool(k % 2), "slope": 1.0 + k} for k in range(40)]

    def fit(self, params, fold, context, report):
        held = []
        while params["hog"]:
            held.append(np.ones(25 << 17))  # 25 MiB
            time.sleep(0.025)
        return super().fit(params, fold, context, report)


@hookimpl
def automl_model_families():
    return [Quick(), Talker(), Mixed()]
