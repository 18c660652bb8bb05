"""Families that fail in the ways families do, beside a good one; found by ``plugins.modules``."""

import json
import os
import shutil
import time

import numpy as np

from automl.plugin import ColumnKind, ModelFamily, hookimpl


class ClassShares:
    """Predicts the shares of the classes for every row."""

    def __init__(self, shares):
        self.shares = list(shares)

    def predict(self, X):
        return np.tile(np.float64(self.shares), (X.shape[0], 1))


class Shares(ModelFamily):
    """The good one: it learns nothing, and always works."""

    name = "shares"
    kinds = frozenset(ColumnKind)

    def search_space(self, suggest, problem):
        return {"smooth": suggest.suggest_float("smooth", 0.0, 1.0)}

    def fit(self, params, fold, context, report):
        counts = np.bincount(fold.y_train, minlength=context.problem.n_classes) + params["smooth"]
        return ClassShares(counts / counts.sum())

    def save(self, model, path):
        (path / "model.json").write_text(json.dumps(model.shares))

    def load(self, path):
        return ClassShares(json.loads((path / "model.json").read_text()))


class Threads(Shares):
    """Every thread moves its predictions, as the last bits of some models are."""

    name = "threads"

    def fit(self, params, fold, context, report):
        return ClassShares(np.array([1.0, context.n_threads]) / (1 + context.n_threads))


class Raises(Shares):
    name = "raises"

    def fit(self, params, fold, context, report):
        raise ArithmeticError("the matrix is singular")


class Crashes(Shares):
    name = "crashes"

    def fit(self, params, fold, context, report):
        os.abort()


class Hangs(Shares):
    name = "hangs"

    def fit(self, params, fold, context, report):
        time.sleep(600)


class Babbles(Shares):
    """Predicts the wrong shape."""

    name = "babbles"

    def fit(self, params, fold, context, report):
        return ClassShares([1.0])


class Removes(Shares):
    """Removes the folder of its own trial, with what its earlier folds have left there."""

    name = "removes"

    def fit(self, params, fold, context, report):
        shutil.rmtree(context.scratch_dir.parent, ignore_errors=True)
        return super().fit(params, fold, context, report)


class RemovesSaved(Shares):
    """Removes the folder of its own trial when it is saved."""

    name = "removes_saved"

    def save(self, model, path):
        super().save(model, path)
        shutil.rmtree(path.parent.parent)


class RemovesModel(Shares):
    """Leaves no model where it was to be saved."""

    name = "removes_model"

    def save(self, model, path):
        path.rmdir()


@hookimpl
def automl_model_families():
    odd = [Removes(), RemovesSaved(), RemovesModel()]
    return [Shares(), Threads(), Raises(), Crashes(), Hangs(), Babbles(), *odd]
