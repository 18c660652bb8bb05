import pytest

from automl.metrics import get_metric
from automl.plugin import Resources, Task
from automl.trial.spec import FoldResult, TrialSpec
from automl.tuning.budget.resources import ResourceEstimator
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial


class Net:
    asked = 0

    def resources(self, problem):
        self.asked += 1
        return Resources(2, ram_gib=1.0, n_gpus=0.25, vram_gib=3.0)


def needs(*peaks, threads=1, family="net"):
    """Each peak is one trial of one fold: memory and GPU memory in MiB."""
    ledger = Ledger(get_metric("log_loss", Task.BINARY))
    for n, (ram, vram) in enumerate(peaks):
        trial = Trial(TrialSpec(family, n, {}), n, (0,), 0.0)
        trial.results[0] = FoldResult(0, 0.5, 1.0, 0.0, peak_rss_mib=ram, peak_vram_mib=vram)
        ledger.trials.append(trial)
    return ResourceEstimator({"net": (Net(), None)}, ledger, threads)


def test_at_first_a_fit_needs_what_its_family_declares():
    assert needs().estimate("net") == Resources(2, 1.0, 0.25, 3.0)
    assert needs((5000, 5000), family="other").estimate("net") == Resources(2, 1.0, 0.25, 3.0)


def test_the_most_of_the_last_fits_counts_with_headroom_whatever_was_declared():
    need = needs((512, 1024), (1024, 512)).estimate("net")
    assert (need.ram_gib, need.vram_gib) == pytest.approx((1.2, 1.2))
    assert (need.n_cpus, need.n_gpus) == (2, 0.25)


def test_fits_of_long_ago_are_forgotten():
    need = needs((9000, 9000), *[(1024, 2048)] * 5).estimate("net")
    assert (need.ram_gib, need.vram_gib) == pytest.approx((1.2, 2.4))


def test_what_was_not_measured_stays_as_declared():
    need = needs((1024, 0.0)).estimate("net")
    assert need.vram_gib == 3.0


def test_a_fit_that_is_to_be_alone_takes_a_whole_gpu():
    assert needs().estimate("net", alone=True).n_gpus == 1.0


def test_the_family_is_asked_once_and_gets_at_least_the_threads_of_the_run():
    wanted = needs(threads=4)
    assert [wanted.estimate("net").n_cpus for _ in range(3)] == [4] * 3
    assert wanted.families["net"][0].asked == 1
