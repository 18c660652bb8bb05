"""More families that do what no family should; found by ``plugins.modules``."""

import itertools
import os
import random
import subprocess
import sys
import time

import numpy as np
from nasty_families import CHILD, Family, Sided

from automl.plugin import ModelFamily, hookimpl


class Nasty(Family):
    """Fits like the others of its kind once it has misbehaved."""


class Paced(Nasty):
    """A good one that takes its time; its params change what it predicts."""

    name = "paced"

    def search_space(self, suggest, shape):
        return {"sharpness": suggest.suggest_float("sharpness", 0.1, 2.0)}

    def fit(self, params, fold, context, report):
        time.sleep(0.3)
        model = super().fit(params, fold, context, report)
        return Sided(model.centre, np.float64(model.direction) * params["sharpness"])


class Quick(Nasty):
    """Over in no time; some of its params fail, and some are hopeless."""

    name = "quick"

    def search_space(self, suggest, shape):
        return {"sharpness": suggest.suggest_float("sharpness", -0.5, 2.0)}

    def fit(self, params, fold, context, report):
        if params["sharpness"] > 1.7:
            raise ValueError(f"too sharp: {params['sharpness']}")
        time.sleep(0.02)
        model = super().fit(params, fold, context, report)
        return Sided(model.centre, np.float64(model.direction) * params["sharpness"])


class BusyInC(Nasty):
    """Never comes back to the interpreter: no signal handler of Python runs."""

    name = "busy_in_c"

    def misbehave(self, params, fold, context, report):
        sum(itertools.repeat(0))


class SlowImport(Nasty):
    name = "slow_import"

    def misbehave(self, params, fold, context, report):
        import slow_library  # noqa: F401


class SlowModel(Sided):
    def predict(self, X):
        time.sleep(300)


class SlowPredict(Nasty):
    name = "slow_predict"

    def fit(self, params, fold, context, report):
        model = super().fit(params, fold, context, report)
        return SlowModel(model.centre, model.direction)


class LeavesChildren(Nasty):
    name = "leaves_children"

    def misbehave(self, params, fold, context, report):
        for own in (False, True):
            subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=own)


class Reseeds(Nasty):
    """Seeds and draws from every global generator there is."""

    name = "reseeds"

    def misbehave(self, params, fold, context, report):
        random.seed(0)
        np.random.seed(0)
        np.random.rand(1000)


class Threads(Nasty):
    """Asks for more threads than it was given, and leaves it so."""

    name = "threads"

    def misbehave(self, params, fold, context, report):
        from threadpoolctl import threadpool_limits

        os.environ["OMP_NUM_THREADS"] = "64"
        threadpool_limits(64)


@hookimpl
def automl_model_families():
    return [
        cls()
        for cls in list(globals().values())
        if isinstance(cls, type)
        and issubclass(cls, Nasty)
        and issubclass(cls, ModelFamily)
        and cls is not Nasty
    ]
