"""Which epoch is the best, and when waiting for a better one ends."""

import math

import pytest

from automl_plugins.torch.core.early_stopping import EarlyStopping


def after(losses, patience=None):
    course = EarlyStopping(patience)
    best = [epoch for epoch, loss in enumerate(losses, 1) if course.note(epoch, loss)]
    return course, best


def test_of_equal_epochs_the_last_is_the_best():
    course, best = after([3.0, 1.0, 2.0, 1.0])
    assert best == [1, 2, 4]
    assert (course.best_epoch, course.best_loss, course.n_epochs) == (4, 1.0, 4)


@pytest.mark.parametrize(("n_epochs", "is_over"), [(2, False), (4, False), (5, True)])
def test_it_waits_for_as_many_epochs_as_it_has_patience(n_epochs, is_over):
    assert after([3.0, 2.0, 2.0, 2.0, 2.0][:n_epochs], patience=3)[0].is_over is is_over


def test_without_patience_it_is_never_over():
    assert not after([1.0] * 50)[0].is_over


def test_a_loss_that_is_no_number_is_beaten_by_any():
    course, best = after([math.nan, 2.0, math.nan])
    assert best == [1, 2]
    assert course.best_loss == 2.0


def test_it_is_restored_from_its_facts():
    course, _ = after([3.0, 1.0, 2.0], patience=2)
    other = EarlyStopping(2)
    other.restore(course.facts)
    assert other == course
    other.note(4, 1.5)
    assert other.is_over
