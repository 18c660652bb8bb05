"""The executor ``local`` keeps the contract of all executors."""

import sys

import pytest

from automl.config.schema import SchedulerConfig
from automl.registry import Registry
from automl.scheduling.factory import make_executor
from automl.testing import ExecutorTestCase


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
class TestLocal(ExecutorTestCase):
    def make_executor(self):
        return make_executor(SchedulerConfig(cpus=2, gpus=[]), Registry())
