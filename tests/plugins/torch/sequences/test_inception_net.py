"""The family inception: the public suite, and filters that fit the sequences."""

from dataclasses import replace

import pytest

from automl.plugin import ProblemInfo, Task
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.torch.sequences.inception import Inception

INCEPTION = Inception()
FAST = {"max_epochs": 8}


class TestInception(FamilyTestCase):
    """It is fitted as the family rnn is, which is tested with classes."""

    family = INCEPTION
    settings = FAST
    tasks = frozenset({Task.REGRESSION, Task.QUANTILE})


@pytest.mark.parametrize(("longest", "kernel"), [(6, 5), (24, 9), (60, 19), (500, 39)])
def test_filters_are_shorter_than_half_of_the_longest_sequence(longest, kernel):
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 300, 0, n_classes=2, sequences=((1, longest),))
    problem = replace(problem, settings=INCEPTION.settings)
    assert INCEPTION.portfolio(problem)[0]["kernel"] == kernel
