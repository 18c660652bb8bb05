"""Base class of families of nets for several kinds of columns."""

from __future__ import annotations

from pathlib import Path

from automl.plugin import Encoding, FittedModel, Fold, Params, ProblemInfo, Report, TrialContext
from automl_plugins.torch.media.family import MediaFamily

__all__ = ["MultiInputFamily"]


class MultiInputFamily(MediaFamily):
    """A family of nets of ``net.py``: a branch for each column kind, and a head over all."""

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Unencoded texts, scaled numbers, one-hot categories."""
        return Encoding(numeric="quantile", categorical="onehot", text="raw", max_onehot=32)

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch.joint.fit import fit_fusion

        return fit_fusion(params, fold, context, report, self.max_epochs(context.problem))

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``, onto the CPU."""
        from automl_plugins.torch.joint.net import build
        from automl_plugins.torch.media.fitted_net import load

        return load(path, build)
