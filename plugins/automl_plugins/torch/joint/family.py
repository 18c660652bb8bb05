"""What the families have in common whose nets join all that a row holds."""

from __future__ import annotations

from pathlib import Path

from automl.plugin import FittedModel, Fold, Params, Report, Shape, TrialContext, View
from automl_plugins.torch.media.family import MediaFamily

__all__ = ["JoiningFamily"]


class JoiningFamily(MediaFamily):
    """A family of nets of ``_net.py``: a part for each thing, and a head over all."""

    def view(self, params: Params, shape: Shape) -> View:
        """Texts as they are; numbers scaled, and a column for each category."""
        return View(numeric="quantile", categorical="onehot", text="raw", max_onehot=32)

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch.joint.fit import fit_fusion

        return fit_fusion(params, fold, context, report, self.max_epochs(context.shape))

    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote, onto the CPU."""
        from automl_plugins.torch.joint.net import build
        from automl_plugins.torch.media.fitted_net import load

        return load(path, build)
