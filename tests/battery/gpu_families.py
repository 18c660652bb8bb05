"""Families for the tests of GPUs: one that looks around, and a crowd with hogs in it."""

import importlib.util
import json
import os
import time
from pathlib import Path

from automl.plugin import ConfigurableFamily, PackedFamily, Resources, hookimpl

_spec = importlib.util.spec_from_file_location(
    "battery_quick", Path(__file__).with_name("memory_families.py")
)
_quick = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_quick)

ON_PAPER = "AUTOML_PAPER_GPUS" in os.environ
MIB = 2**20
TAKEN_MIB, CHUNK_MIB = 512, 256
HOG_EVERY = 4
PATIENCE_S = 60.0


def wait_for_others(folder, n_fits):
    """Waits until so many fits have begun, this one included: the first of them at one time."""
    (folder / f"{os.getpid()}-{time.monotonic_ns()}.begun").touch()
    patience = time.monotonic() + PATIENCE_S
    while len(list(folder.glob("*.begun"))) < n_fits and time.monotonic() < patience:
        time.sleep(0.02)


class Net(ConfigurableFamily, _quick.Quick):
    """Holds some memory of its GPU for a while, and notes what it saw and when."""

    name = "net"
    preload = () if ON_PAPER else ("torch",)
    settings = {"notes": "", "hold_s": 0.1, "meet": 1}  # noqa: RUF012
    n_gpus = 0.25

    def resources(self, problem):
        return Resources(ram_gib=0.5, n_gpus=self.n_gpus, vram_gib=1.0 if self.n_gpus else 0.0)

    def portfolio(self, problem):
        return [{"slope": 1.0 + k / 16} for k in range(96)]

    def fit(self, params, fold, context, report):
        settings = context.settings
        started = time.monotonic()
        wait_for_others(Path(settings["notes"]), settings["meet"])
        self.work(params, context, settings)
        self.note(settings["notes"], context, started)
        return super().fit(params, fold, context, report)

    def work(self, params, context, settings):
        import torch

        held = torch.empty(TAKEN_MIB * MIB, dtype=torch.uint8, device=context.device)
        time.sleep(settings["hold_s"])
        del held

    def note(self, folder, context, started):
        import torch

        seen = [torch.cuda.get_device_properties(k) for k in range(torch.cuda.device_count())]
        note = {
            "family": self.name,
            "device": context.device,
            "pid": os.getpid(),
            "env": os.environ["CUDA_VISIBLE_DEVICES"],
            "seen": [str(properties.uuid) for properties in seen],
            "time": [started, time.monotonic()],
        }
        (Path(folder) / f"{os.getpid()}-{time.monotonic_ns()}.json").write_text(json.dumps(note))


class Blind(Net):
    """Has no GPU, and looks for one."""

    name = "blind"
    n_gpus = 0.0

    def work(self, params, context, settings):
        pass


class Crowd(Net):
    """Every fourth trial takes the GPU memory that there is, and then some."""

    name = "crowd"

    def search_space(self, suggest, problem):
        hog = suggest.suggest_categorical("hog", [False, True])
        return {"hog": hog, **super().search_space(suggest, problem)}

    def portfolio(self, problem):
        return [
            {"hog": k % HOG_EVERY == HOG_EVERY - 1, **params}
            for k, params in enumerate(super().portfolio(problem))
        ]

    def work(self, params, context, settings):
        import torch

        held = []
        while params["hog"]:
            held.append(torch.empty(CHUNK_MIB * MIB, dtype=torch.uint8, device=context.device))
            time.sleep(0.002)
        super().work(params, context, settings)


class Packed(Net, PackedFamily):
    """Fits several at once; a pack with more than three members runs into a full GPU."""

    name = "packed"
    packable_params = frozenset({"slope"})
    settings = {**Net.settings, "most": 1000}  # noqa: RUF012

    def max_pack_size(self, params, problem):
        return 4

    def pack_resources(self, n_members, problem):
        return Resources(ram_gib=0.5, n_gpus=1.0, vram_gib=1.0)

    def fit_pack(self, members, context):
        import torch

        if len(members) > context.settings["most"]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().fit_pack(members, context)


@hookimpl
def automl_model_families():
    return [Net(), Blind(), Crowd(), Packed()]
