import pickle
from dataclasses import replace

from automl.trial.spec import FoldResult, Job, JobKey, TrialError, TrialSpec


def test_trials_and_jobs_are_called_by_family_number_and_fold():
    job = Job(TrialSpec("svm", 3, {}), fold=1, seed=0)
    assert job.spec.trial_id == "svm-3"
    assert job.job_id == JobKey("svm-3", 1)
    assert str(job.job_id) == "svm-3/fold-1"


def test_what_goes_to_a_worker_and_back_survives_the_pipe():
    job = Job(TrialSpec("svm", 3, {"c": [1, None]}), fold=1, seed=0, deadline_s=2.5)
    result = FoldResult(1, 0.5, 1.0, 0.1, steps=((1, 0.4), (2, 0.5)))
    error = TrialError("timeout", "killed", fold=2)
    for value in (job, result, error):
        assert pickle.loads(pickle.dumps(value)) == value


def test_the_time_a_job_waits_for_its_worker_counts_against_its_end():
    """Otherwise a fit that respects the end is killed."""
    job = Job(TrialSpec("good", 0, {}), 0, 0, end_s=10.0)
    assert job.late_by(6.0).end_s == 4.0
    assert job.late_by(11.0).end_s == 0.0
    forever = replace(job, end_s=None)
    assert forever.late_by(6.0) == forever
