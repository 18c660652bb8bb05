"""A plugin that brings nothing: in the process that loads it there is no CUDA driver."""

from automl.scheduling.devices import device_check as cuda

cuda._driver = lambda: None
