import sys
import types

import pytest

from automl.trial import gpu_memory as vram


class FakeCuda:
    """``torch.cuda`` with an allocator that remembers its peak and keeps a cache."""

    def __init__(self, is_initialized=True):
        self.started, self.reserved, self.peak = is_initialized, 0, 0

    def is_initialized(self):
        return self.started

    def take(self, mib):
        self.reserved += mib << 20
        self.peak = max(self.peak, self.reserved)

    def reset_peak_memory_stats(self):
        self.peak = self.reserved

    def max_memory_reserved(self):
        return self.peak

    def empty_cache(self):
        self.reserved = 0


@pytest.fixture
def cuda(monkeypatch):
    fake = FakeCuda()
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=fake))
    return fake


def test_the_peak_counts_from_the_start_of_the_fit_and_the_context_is_added(cuda):
    cuda.take(900)
    vram.free_vram()
    vram.reset_peak()
    cuda.take(300)
    assert vram.peak_vram_mib() == 300 + vram.CONTEXT_MIB


def test_what_is_kept_for_later_is_given_back(cuda):
    cuda.take(300)
    vram.free_vram()
    assert cuda.reserved == 0


def test_a_process_that_has_used_no_gpu_is_left_alone(cuda):
    cuda.started = False
    cuda.max_memory_reserved = cuda.empty_cache = None
    vram.reset_peak()
    vram.free_vram()
    assert vram.peak_vram_mib() == 0.0


def test_without_torch_there_is_nothing_to_count(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    vram.reset_peak()
    vram.free_vram()
    assert vram.peak_vram_mib() == 0.0
    assert "torch" not in sys.modules
