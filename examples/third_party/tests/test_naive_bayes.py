"""The family passes the conformance suite."""

from automl_naive_bayes import NaiveBayes

from automl.testing import FamilyTestCase


class TestNaiveBayes(FamilyTestCase):
    """The conformance suite, for this family."""

    family = NaiveBayes()
