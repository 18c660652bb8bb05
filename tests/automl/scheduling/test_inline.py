"""One fit after another in the process of the search."""

from automl.scheduling.inline import InlineExecutor
from automl.testing import ExecutorTestCase


class TestInline(ExecutorTestCase):
    runs_beside = False

    def make_executor(self):
        return InlineExecutor(n_cpus=2)
