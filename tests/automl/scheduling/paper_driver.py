"""A plugin that brings nothing: in the process that loads it, CUDA shows the wrong GPU."""

import ctypes

from fake_cuda import FakeCuda, loads_instead

from automl.scheduling.devices.device_check import LIBRARY

ctypes.CDLL = loads_instead(LIBRARY, lambda: FakeCuda(["GPU-00000001" + 24 * "0"]))
