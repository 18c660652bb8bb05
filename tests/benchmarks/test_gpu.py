import ctypes
import threading

import pytest

from benchmarks.gpu import watched_gpu


class PaperDriver:
    """NVML of a card with a kernel half of the time, on a tenth of its multiprocessors."""

    def __init__(self, reports_active):
        self.reports_active = reports_active
        self.sampled = threading.Event()
        self.n_samples = 0
        self.is_open = False

    def nvmlInit_v2(self):
        self.is_open = True
        return 0

    def nvmlShutdown(self):
        self.is_open = False
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, card):
        card.contents.value = 1
        return 0

    def nvmlDeviceGetUtilizationRates(self, card, rates):
        rates.contents[0] = 50
        return 0

    def nvmlDeviceGetMemoryInfo(self, card, memory):
        memory.contents.used = 480 * 2**20
        return 0

    def nvmlGpmQueryDeviceSupport(self, card, support):
        support.contents.is_supported = int(self.reports_active)
        return 0

    def nvmlGpmSampleAlloc(self, sample):
        self.n_samples += 1
        sample.contents.value = self.n_samples
        return 0

    def nvmlGpmSampleFree(self, sample):
        self.n_samples -= 1
        return 0

    def nvmlGpmSampleGet(self, card, sample):
        return 0

    def nvmlGpmMetricsGet(self, asked):
        metrics = asked.contents
        assert (metrics.version, metrics.n_metrics, metrics.metrics[0].metric_id) == (1, 1, 2)
        assert {metrics.first, metrics.second} == {1, 2}
        metrics.metrics[0].value = 10.0
        self.sampled.set()
        return 0


@pytest.mark.parametrize(("reports_active", "share"), [(True, 0.1), (False, None)])
def test_a_card_is_sampled_until_the_work_ends(monkeypatch, reports_active, share):
    driver = PaperDriver(reports_active)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    with watched_gpu() as samples:
        while not samples:
            driver.sampled.wait(0.05)
        assert driver.is_open
    assert (samples[0].busy, samples[0].sm_active, samples[0].memory_mib) == (0.5, share, 480.0)
    assert not driver.is_open
    assert driver.n_samples == 0


def test_a_machine_without_a_driver_has_no_samples(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with watched_gpu() as samples:
        pass
    assert samples == []
