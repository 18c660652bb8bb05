"""A plugin that brings nothing: in the process that loads it there is no CUDA driver."""

from automl.scheduling import cuda

cuda._driver = lambda: None
