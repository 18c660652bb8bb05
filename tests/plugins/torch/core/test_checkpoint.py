"""The file in which a training keeps its state."""

import numpy as np
import pytest
import torch

from automl.plugin import ProblemInfo, Task, TrialContext
from automl.testing import LOG_LOSS
from automl_plugins.torch.core.checkpoint import Checkpoint, checkpoint_of

TENSORS = {"a": torch.arange(3.0), "b": torch.tensor(4, dtype=torch.int64)}
FACTS = {"epoch": 3, "best": float("inf"), "members": [[1, 2.5]]}


def test_what_is_saved_last_is_loaded(tmp_path):
    path = tmp_path / "not there yet" / "x.safetensors"
    Checkpoint(path).save({"a": torch.zeros(1)}, {})
    Checkpoint(path).save(TENSORS, FACTS)
    tensors, facts = Checkpoint(path).load()
    assert facts == FACTS
    assert {name: t.tolist() for name, t in tensors.items()} == {"a": [0, 1, 2], "b": 4}
    assert list(path.parent.iterdir()) == [path]


def test_it_is_due_once_in_a_while(tmp_path):
    now = [100.0]
    checkpoint = Checkpoint(tmp_path / "x", every_s=60.0, clock=lambda: now[0])
    assert not checkpoint.is_due
    now[0] = 160.0
    assert checkpoint.is_due
    checkpoint.save(TENSORS, FACTS)
    assert not checkpoint.is_due


def test_without_a_folder_nothing_is_due_or_there():
    assert not Checkpoint(None, every_s=0.0).is_due
    assert Checkpoint(None).load() is None


@pytest.mark.parametrize("damage", [b"", b"no tensors", None])
def test_a_damaged_file_counts_as_none(tmp_path, damage):
    path = tmp_path / "x.safetensors"
    Checkpoint(path).save(TENSORS, FACTS)
    path.write_bytes(path.read_bytes()[:-3] if damage is None else damage)
    assert Checkpoint(path).load() is None


def test_what_cannot_be_written_ends_nothing(tmp_path):
    (tmp_path / "file").write_text("no folder")
    Checkpoint(tmp_path / "file" / "x.safetensors").save(TENSORS, FACTS)


def test_other_params_other_seeds_and_other_company_are_other_files(tmp_path):
    context = TrialContext(
        ProblemInfo(Task.BINARY, LOG_LOSS, 10, 1, n_classes=2), 0, scratch_dir=tmp_path
    )
    one, other = ({"lr": 0.1}, 1), ({"lr": np.float64(0.2)}, 1)
    kinds = [[one], [other], [one, other], [({"lr": 0.1}, 2)]]
    paths = {checkpoint_of(context, fits).path for fits in kinds}
    assert len(paths) == 4
    assert checkpoint_of(context, [one]).path in paths
