"""More families that do what no family should; found by ``plugins.modules``."""

import ctypes
import itertools
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from nasty_families import CHILD, Family, Sided

from automl.plugin import ModelFamily, hookimpl


class Nasty(Family):
    """Fits like the others of its kind once it has misbehaved."""


class Paced(Nasty):
    """A good one that takes its time; its params change what it predicts."""

    name = "paced"

    def search_space(self, suggest, problem):
        return {"sharpness": suggest.suggest_float("sharpness", 0.1, 2.0)}

    def fit(self, params, fold, context, report):
        time.sleep(0.3)
        model = super().fit(params, fold, context, report)
        return Sided(model.centre, np.float64(model.direction) * params["sharpness"])


class Quick(Nasty):
    """Over in no time; some of its params fail, and some are hopeless."""

    name = "quick"

    def search_space(self, suggest, problem):
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


class PrintsALot(Nasty):
    """A gigabyte on each stream where the full battery is asked for."""

    name = "prints_a_lot"

    def misbehave(self, params, fold, context, report):
        text = "x" * 2**20
        for _ in range(1024 if os.environ.get("AUTOML_BATTERY") == "full" else 50):
            print(text)
            os.write(2, text.encode())


class RemovesFolder(Nasty):
    """Takes away the ground it stands on."""

    name = "removes_folder"

    def misbehave(self, params, fold, context, report):
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        Path(folder).rmdir()


class RemovesTemp(Nasty):
    """Has a folder of its own for temporary files, and removes it."""

    name = "removes_temp"

    def misbehave(self, params, fold, context, report):
        os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp()
        Path(tempfile.tempdir).rmdir()


class Recurses(Nasty):
    name = "recurses"

    def misbehave(self, params, fold, context, report):
        self.misbehave(params, fold, context, report)


class OverflowsStack(Nasty):
    """Recurses through C until its stack is used up."""

    name = "overflows_stack"

    def misbehave(self, params, fold, context, report):
        sys.setrecursionlimit(2**31 - 1)
        callback = ctypes.CFUNCTYPE(None)(lambda: callback())
        callback()


class RaisingModel(Sided):
    def predict(self, X):
        raise ZeroDivisionError("no row to divide by")


class FailsToPredict(Nasty):
    name = "fails_to_predict"

    def fit(self, params, fold, context, report):
        model = super().fit(params, fold, context, report)
        return RaisingModel(model.centre, model.direction)


class Unpicklable(Nasty):
    """Has a state that cannot be written."""

    name = "unpicklable"

    def save(self, model, path):
        (path / "model").write_bytes(pickle.dumps(lambda row: row))


class ForksOnAndOn(Nasty):
    """Leaves sixteen processes that do not listen, and fails."""

    name = "forks_on_and_on"

    def misbehave(self, params, fold, context, report):
        own = os.getpid()
        for _ in range(4):
            os.fork()
        if os.getpid() != own:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            if "BATTERY_PIDS" in os.environ:
                Path(os.environ["BATTERY_PIDS"], str(os.getpid())).touch()
            time.sleep(300)
            os._exit(0)
        time.sleep(0.5)
        raise ChildProcessError("too many of them")


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
