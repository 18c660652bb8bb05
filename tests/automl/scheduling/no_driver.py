"""A plugin that brings nothing: in the process that loads it there is no CUDA driver."""

from automl.scheduling.devices import device_check

device_check.LIBRARY = "libno-such-thing.so.9"
