"""The family keeps every promise that automl makes for a family."""

from automl_naive_bayes import NaiveBayes

from automl.testing import FamilyTestCase


class TestNaiveBayes(FamilyTestCase):
    """The conformance suite, for this family."""

    family = NaiveBayes()
