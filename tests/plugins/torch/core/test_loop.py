"""The loop by itself, around a trainee that only counts."""

import pytest
import torch

from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.loop import train


class Counter:
    """Three steps an epoch; stops after so many epochs."""

    steps_per_epoch = 3
    is_worth_keeping = True

    def __init__(self, stops_after=100, cut_at=None):
        self.stops_after, self.cut_at = stops_after, cut_at
        self.seen, self.judged, self.progress, self.is_finished = [], [], [], False

    @property
    def n_going(self):
        return 1 if len(self.judged) < self.stops_after else 0

    def batches(self):
        return iter(torch.arange(3)[:, None])

    def step(self, batch, progress):
        self.seen.append((int(batch), progress))

    def evaluate(self, epoch, progress):
        if epoch == self.cut_at:
            raise KeyboardInterrupt
        self.judged.append(epoch)
        self.progress.append(progress)

    def finish(self):
        self.is_finished = True

    def state(self):
        return {"weights": torch.ones(1)}, {"judged": self.judged}

    def restore(self, tensors, facts):
        assert torch.equal(tensors["weights"], torch.ones(1))
        self.judged = facts["judged"]


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "state.safetensors", every_s=0.0)


def test_an_epoch_has_its_steps_and_a_look_at_its_end():
    one = Counter()
    assert train(one, 2, None) == 6
    assert one.seen == [(i % 3, pytest.approx(i / 6)) for i in range(6)]
    assert one.judged == [1, 2]
    assert one.progress == [0.5, 1.0]
    assert one.is_finished


def test_it_ends_when_nothing_goes_on():
    one = Counter(stops_after=2)
    assert train(one, 9, None) == 6
    assert one.is_finished


def test_without_time_one_step_is_judged():
    one = Counter()
    assert train(one, 9, 9.0, clock=lambda: 10.0) == 1
    assert one.judged == [1]
    assert one.is_finished


def test_a_training_that_was_cut_goes_on_where_it_was_kept(checkpoint):
    with pytest.raises(KeyboardInterrupt):
        train(Counter(cut_at=3), 4, None, checkpoint)
    one = Counter()
    assert train(one, 4, None, checkpoint) == 12
    assert one.judged == [1, 2, 3, 4]
    assert [progress for _, progress in one.seen] == pytest.approx([i / 12 for i in range(6, 12)])


def test_what_is_not_worth_keeping_begins_anew(checkpoint):
    cut = Counter(cut_at=3)
    cut.is_worth_keeping = False
    with pytest.raises(KeyboardInterrupt):
        train(cut, 4, None, checkpoint)
    one = Counter()
    train(one, 4, None, checkpoint)
    assert len(one.seen) == 12
