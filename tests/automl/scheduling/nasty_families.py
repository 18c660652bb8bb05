"""Families that do what no family should, and a good one: found by ``plugins.modules``."""

import contextlib
import ctypes
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from automl.plugin import ModelFamily, PackedFamily, TrialPruned, hookimpl

CHILD = "import time; time.sleep(300)"


class Sided:
    """Two classes, told apart by the side of a centre on which a row lies."""

    def __init__(self, centre, direction):
        self.centre, self.direction = list(centre), list(direction)

    def predict(self, X):
        p = 1 / (1 + np.exp(-2 * (X - np.float64(self.centre)) @ np.float64(self.direction)))
        return np.column_stack([1 - p, p])


class Constant:
    """Predicts the same for every row."""

    def __init__(self, *row):
        self.row = row

    def predict(self, X):
        return np.tile(self.row, (X.shape[0], 1))


class Family(ModelFamily):
    def search_space(self, suggest, problem):
        return {}

    def fit(self, params, fold, context, report):
        self.misbehave(params, fold, context, report)
        low, high = (fold.X_train[fold.y_train == k].mean(axis=0) for k in (0, 1))
        return Sided((low + high) / 2, high - low)

    def misbehave(self, params, fold, context, report):
        pass

    def save(self, model, path):
        text = json.dumps([model.centre, model.direction], default=float)
        (path / "model.json").write_text(text)

    def load(self, path):
        return Sided(*json.loads((path / "model.json").read_text()))


class Good(Family):
    name = "good"


class Sees(Family):
    """Writes down what it sees of the world."""

    name = "sees"

    def misbehave(self, params, fold, context, report):
        Path(params["to"]).write_text(
            json.dumps({"env": dict(os.environ), "device": context.device, "cwd": str(Path.cwd())})
        )


class Raises(Family):
    name = "raises"

    def misbehave(self, params, fold, context, report):
        self.deep_inside()

    def deep_inside(self):
        raise ArithmeticError("the matrix is singular")


class Unspeakable(Family):
    name = "unspeakable"

    def misbehave(self, params, fold, context, report):
        class SilentError(Exception):
            def __str__(self):
                raise RuntimeError("no")

        raise SilentError


class Surrogates(Family):
    name = "surrogates"

    def misbehave(self, params, fold, context, report):
        raise ValueError("bad byte \udce9")


class Sleeps(Family):
    name = "sleeps"

    def misbehave(self, params, fold, context, report):
        report(1, 0.5)
        time.sleep(300)


def wait_for(path):
    """Waits for a file to be there."""
    while not Path(path).exists():
        time.sleep(0.01)


class Encodes(Family):
    """Waits for a file before its fold is encoded, and for another before it is fitted."""

    name = "encodes"

    def encoding(self, params, problem):
        if "encode_gate" in params:
            wait_for(params["encode_gate"])
        return super().encoding(params, problem)

    def misbehave(self, params, fold, context, report):
        if "fit_gate" in params:
            Path(params["begun"]).touch()
            wait_for(params["fit_gate"])


class Spins(Family):
    name = "spins"

    def misbehave(self, params, fold, context, report):
        step = 0
        while True:
            step += 1
            with contextlib.suppress(Exception):
                report(step, 0.5)


class Deaf(Family):
    name = "deaf"

    def misbehave(self, params, fold, context, report):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        report(1, 0.5)
        while True:
            time.sleep(0.01)


class Stepper(Family):
    """Reports every 10 ms for ever, and lets itself be pruned."""

    name = "stepper"

    def misbehave(self, params, fold, context, report):
        for step in range(1, 100_000):
            report(step, 0.5)
            time.sleep(0.01)


class Gated(Family):
    """Reports once, makes the file ``reported``, waits for ``gate``, and reports twice."""

    name = "gated"

    def misbehave(self, params, fold, context, report):
        report(1, 0.5)
        Path(params["reported"]).touch()
        wait_for(params["gate"])
        for step in (2, 3):
            report(step, 0.5)


class Together(Family, PackedFamily):
    """Fits a pack step by step; what each member does is among its params."""

    name = "together"
    packable_params = frozenset({"do", "n"})

    def max_pack_size(self, params, problem):
        return 4

    def fit_pack(self, members, context):
        outcomes = {}
        for step in range(1, 10**7):
            for place, member in enumerate(members):
                if place not in outcomes:
                    outcome = self.advance(step, member, context)
                    outcomes |= {} if outcome is None else {place: outcome}
            if len(outcomes) == len(members):
                break
        return [outcomes[place] for place in range(len(members))]

    def advance(self, step, member, context):
        do, n_steps = member.params["do"], member.params.get("n", 1)
        if do == "crash":
            os._exit(3)
        if do == "sleep":
            time.sleep(300)
        if do == "raise":
            return ValueError("no")
        if do == "step" and step < n_steps:
            time.sleep(0.01)
            try:
                return member.report(step, 0.5)
            except TrialPruned as pruned:
                return pruned
        return self.fit(member.params, member.fold, context, member.report)


class Stubborn(Family):
    """Does not stop when it is pruned for the first time."""

    name = "stubborn"

    def misbehave(self, params, fold, context, report):
        from automl.plugin import TrialPruned

        refused = 0
        for step in range(1, 100_000):
            try:
                report(step, 0.5)
            except TrialPruned:
                refused += 1
                if refused == 3:
                    raise
            time.sleep(0.01)


class Exits(Family):
    name = "exits"

    def misbehave(self, params, fold, context, report):
        os._exit(3)


class ExitsQuietly(Family):
    name = "exits_quietly"

    def misbehave(self, params, fold, context, report):
        os._exit(0)


class Segfaults(Family):
    name = "segfaults"

    def misbehave(self, params, fold, context, report):
        ctypes.string_at(0)


class KilledByRealTime(Family):
    name = "real_time"

    def misbehave(self, params, fold, context, report):
        os.kill(os.getpid(), signal.SIGRTMIN + 3)


class KillsItself(Family):
    name = "oom"

    def misbehave(self, params, fold, context, report):
        os.kill(os.getpid(), signal.SIGKILL)


class SystemExits(Family):
    name = "system_exit"

    def misbehave(self, params, fold, context, report):
        sys.exit("I am leaving")


class Interrupts(Family):
    name = "interrupt"

    def misbehave(self, params, fold, context, report):
        raise KeyboardInterrupt


class RaisesEof(Family):
    name = "eof"

    def misbehave(self, params, fold, context, report):
        raise EOFError("the file ends in the middle")


class RaisesBrokenPipe(Family):
    name = "broken_pipe"

    def misbehave(self, params, fold, context, report):
        raise BrokenPipeError("the helper is gone")


class Prints(Family):
    name = "prints"

    def misbehave(self, params, fold, context, report):
        text = "x" * 2**20
        for _ in range(100):
            print(text)
            os.write(2, text.encode())


class Nan(Family):
    name = "nan"

    def fit(self, params, fold, context, report):
        return Constant(np.nan, 1.0)


class WrongShape(Family):
    name = "shape"

    def fit(self, params, fold, context, report):
        return Constant(0.2, 0.3, 0.5)


class Strings(Family):
    name = "strings"

    def fit(self, params, fold, context, report):
        return Constant("yes", "no")


class ReportsNan(Family):
    name = "reports_nan"

    def misbehave(self, params, fold, context, report):
        report(1, float("nan"))


class TooBig(Family):
    name = "memory"

    def misbehave(self, params, fold, context, report):
        raise MemoryError("cannot allocate 1 TiB")


class OutOfMemoryError(RuntimeError):
    """As torch would raise it."""


OutOfMemoryError.__module__ = "torch"


class FillsGpu(Family):
    name = "fills_gpu"

    def misbehave(self, params, fold, context, report):
        if params.get("wrapped"):
            try:
                raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling create")
            except RuntimeError as error:
                raise ValueError("the net cannot be trained") from error
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


HOG = """
import sys, time
held, step_s = [], 0.05
for _ in range(int(float(sys.argv[1]) * 1024 / 10)):
    held.append(b"x" * (10 << 20))
    time.sleep(step_s)
"""


class Hog(Family):
    """Takes 200 MB a second until it holds ``gib`` of them, itself or by a child of its own.

    At the end it holds all of it for half a second, in which it is looked at more than once.
    """

    name = "hog"

    def misbehave(self, params, fold, context, report):
        if params.get("child"):
            subprocess.run([sys.executable, "-c", HOG, str(params["gib"])], check=True)
            return
        held = []
        for _ in range(int(params["gib"] * 1024 / 10)):
            held.append(b"x" * (10 << 20))
            time.sleep(0.05)
        time.sleep(0.5)


class Sharer(Family):
    """Forks copies of itself that share all its memory, and waits a second with them."""

    name = "sharer"

    def misbehave(self, params, fold, context, report):
        held = b"x" * int(params["gib"] * 2**30)
        children = []
        for _ in range(4):
            if (pid := os.fork()) == 0:
                time.sleep(1.0)
                os._exit(len(held) == 0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)


class Leaks(Family):
    """Leaves memory behind in its process at every fit."""

    name = "leaks"
    left_behind = []  # noqa: RUF012

    def misbehave(self, params, fold, context, report):
        self.left_behind.append(b"x" * (int(params["mib"]) << 20))


class Forks(Family):
    """Leaves a child in its group and one in a session of its own, then says who they are."""

    name = "forks"

    def misbehave(self, params, fold, context, report):
        children = [
            subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=own)
            for own in (False, True)
        ]
        Path(params["to"]).write_text(json.dumps([c.pid for c in children]))
        if params.get("then") == "sleep":
            time.sleep(300)
        elif params.get("then") == "crash":
            os._exit(1)


class ReturnsTwice(Family):
    """Forks, and lets both copies come back from the fit."""

    name = "returns_twice"

    def misbehave(self, params, fold, context, report):
        if (pid := os.fork()) == 0:
            time.sleep(0.1)
        elif "to" in params:
            Path(params["to"]).write_text(str(pid))


class ReportsFromChild(Family):
    name = "reports_from_child"

    def misbehave(self, params, fold, context, report):
        pid = os.fork()
        if pid == 0:
            try:
                report(1, 0.5)
            except RuntimeError:
                os._exit(7)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        raise ValueError(f"the child exited with {status}")


class Moves(Family):
    """Changes the current folder and the environment, and leaves both so."""

    name = "moves"

    def misbehave(self, params, fold, context, report):
        os.chdir("/")
        os.environ["CUDA_VISIBLE_DEVICES"] = "7"
        os.environ["LEFT_BEHIND"] = "1"


class Missing(Family):
    name = "missing"
    extra = "torch"

    def misbehave(self, params, fold, context, report):
        import no_such_library_at_all  # noqa: F401


class WritesIntoPipe(Family):
    """Writes rubbish into every descriptor it can find."""

    name = "rubbish"

    def misbehave(self, params, fold, context, report):
        for descriptor in range(3, 64):
            try:
                if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith("socket:"):
                    os.write(descriptor, b"\x00\x00\x00\x05hello")
            except OSError:
                continue
        time.sleep(300)


class FailsToSave(Family):
    name = "save"

    def save(self, model, path):
        (path / "half").write_text("half of it")
        raise OSError("no space left on device")


class FillsDisk(Family):
    """Leaves this worker a disk that takes nothing more."""

    name = "fills_disk"

    def misbehave(self, params, fold, context, report):
        def fsync(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        os.fsync = fsync


@hookimpl
def automl_model_families():
    return [
        cls()
        for cls in list(globals().values())
        if isinstance(cls, type) and issubclass(cls, Family) and cls is not Family
    ]
