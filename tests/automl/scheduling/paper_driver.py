"""A plugin that brings nothing: in the process that loads it, CUDA shows the wrong GPU."""

from automl.scheduling.devices import device_check as cuda


class Driver:
    def cuInit(self, flags):
        return 0

    def cuDeviceGetCount(self, count):
        count._obj.value = 1
        return 0

    def cuDeviceGet(self, device, number):
        device._obj.value = number.value
        return 0

    def cuDeviceGetUuid(self, raw, device):
        raw._obj[:] = bytes.fromhex("00000001" + 24 * "0")
        return 0


cuda._driver = Driver
