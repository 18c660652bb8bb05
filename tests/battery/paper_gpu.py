"""GPUs on paper: a driver and as much of torch as the battery's families use, for workers.

A file by card says which process holds how many bytes, as a driver knows it: what a process held
is free again when it is gone. The cards are those of the folder that ``AUTOML_PAPER_GPUS`` names.
"""

import ctypes
import fcntl
import json
import os
import sys
import types
from pathlib import Path

FOLDER = "AUTOML_PAPER_GPUS"
UUIDS = ("GPU-00000000-0000-0000-0000-0000000000aa", "GPU-00000000-0000-0000-0000-0000000000bb")
CARD_GIB = 8.0
CONTEXT_GIB = 0.25
GIB = 2**30


class OutOfMemoryError(RuntimeError):
    pass


OutOfMemoryError.__module__ = "torch"


class Card:
    """One card, as all processes see it."""

    def __init__(self, uuid):
        self.path = Path(os.environ[FOLDER]) / uuid

    def change(self, n_bytes):
        """Takes, or gives back, memory for this process; returns what all hold."""
        with self.path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            held = json.loads(file.read() or "{}")
            held = {pid: n for pid, n in held.items() if is_alive(pid)}
            own = str(os.getpid())
            if n_bytes > 0 and sum(held.values()) + n_bytes > CARD_GIB * GIB:
                raise OutOfMemoryError(f"CUDA out of memory. Tried to allocate {n_bytes} bytes")
            held[own] = held.get(own, 0) + n_bytes
            file.truncate(0)
            file.write(json.dumps(held))
            return sum(held.values())

    def free_gib(self):
        return CARD_GIB - self.change(0) / GIB


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def visible():
    return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name in UUIDS]


class Tensor:
    def __init__(self, cuda, n_bytes):
        self.cuda, self.n_bytes = cuda, 0
        cuda.take(n_bytes)
        self.n_bytes = n_bytes

    def __del__(self):
        self.cuda.take(-self.n_bytes)


class Cuda:
    """``torch.cuda`` without a cache."""

    def __init__(self):
        self.card, self.reserved, self.peak = None, 0, 0

    def device_count(self):
        return len(visible())

    def is_initialized(self):
        return self.card is not None

    def get_device_properties(self, number):
        return types.SimpleNamespace(uuid=visible()[number].removeprefix("GPU-"))

    def take(self, n_bytes):
        if self.card is None:
            card = Card(visible()[0])
            card.change(int(CONTEXT_GIB * GIB))
            self.card = card
        self.card.change(n_bytes)
        self.reserved += n_bytes
        self.peak = max(self.peak, self.reserved)

    def reset_peak_memory_stats(self):
        self.peak = self.reserved

    def max_memory_reserved(self):
        return self.peak

    def empty_cache(self):
        pass


def install():
    """Puts the paper in the place of torch and of the driver, in this process."""
    from fake_cuda import FakeCuda, loads_instead

    from automl.scheduling.devices.device_check import LIBRARY

    paper = Cuda()
    torch = types.ModuleType("torch")
    torch.cuda, torch.uint8, torch.OutOfMemoryError = paper, None, OutOfMemoryError
    torch.set_num_threads = lambda n: None
    torch.empty = lambda n, dtype, device: Tensor(paper, n)
    sys.modules["torch"] = torch
    ctypes.CDLL = loads_instead(LIBRARY, lambda: FakeCuda(visible()))


if getattr(sys.modules["__main__"].__spec__, "name", "") == "automl.scheduling.local.forkserver":
    install()  # a plugin of workers: the search itself, which loads it too, keeps its torch
