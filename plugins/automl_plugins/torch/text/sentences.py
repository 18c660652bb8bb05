"""Embeddings of texts by a model that lies on the disk, and a linear model of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ColumnKind,
    ConfigurableFamily,
    FittedModel,
    Fold,
    IterativeFamily,
    ModelFamily,
    Param,
    Params,
    RefittableFamily,
    Report,
    Resources,
    SelectiveFamily,
    Shape,
    Suggest,
    Task,
    TrialContext,
    View,
    hookimpl,
)
from automl_plugins.torch.text.sentence_folder import ModelSize, problem_with, size_of

__all__ = ["Sentences", "automl_model_families"]

_FLOPS_PER_S = 2e10  # of one CPU core that embeds: a cautious estimate
_GPU_FLOPS_PER_S = 2e12
_SECONDS_OF_A_TEXT = 1e-4  # to divide it into tokens, however small the model
_BYTES_OF_A_TOKEN = 4.0
_BUDGET_SHARE = 0.5  # of the budget, in which all texts must be embedded
_SCALINGS = ("standard", "length")


class Sentences(ConfigurableFamily, IterativeFamily, RefittableFamily, SelectiveFamily):
    """A given model of sentence-transformers reads the texts, regularised coefficients the rest.

    ``model.sentences.model`` names the folder of that model. It is not trained; nothing is ever
    downloaded, and no code of the folder is run.
    """

    name: ClassVar[str] = "sentences"
    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = (frozenset({ColumnKind.TEXT}),)
    extra: ClassVar[str] = "sentences"
    preload: ClassVar[tuple[str, ...]] = ("torch", "sentence_transformers", "sklearn.linear_model")
    fidelity: ClassVar[str] = "epochs"
    early_stopping = "staged"
    priority: ClassVar[int] = 60
    settings: ClassVar[Mapping[str, Any]] = {"model": ""}
    setting_ranges: ClassVar[Mapping[str, Param]] = {"model": Param("folder")}

    def accepts(self, shape: Shape) -> str | None:
        """Refuses tables without texts, folders without a model, and more texts than time."""
        if not shape.n_text:
            return "it learns from texts, and no column is of that kind"
        if not shape.settings["model"]:
            return "model.sentences.model must name the folder of a model of sentence-transformers"
        folder = _folder(shape)
        problem = problem_with(folder)
        if problem is not None or shape.time_s is None:
            return problem
        needed_s = _embedding_s(size_of(folder), shape)
        if needed_s <= _BUDGET_SHARE * shape.time_s:
            return None
        return (
            f"to embed the texts of {shape.n_rows:,} rows takes about {needed_s:.0f} s, too long "
            f"in {shape.time_s:.0f} s: give it more time, a GPU, or a smaller model"
        )

    def resources(self, shape: Shape) -> Resources:
        """The weights and the features of all rows; a quarter of a GPU to embed on."""
        size = _known_size(shape)
        n_columns = shape.n_numeric + 8 * shape.n_categorical + size.width * shape.n_text
        ram_gib = 0.5 + 1.2 * size.weights_gib + 16.0 * shape.n_rows * n_columns / 2**30
        if not shape.n_gpus:
            return Resources(ram_gib=ram_gib)
        return Resources(ram_gib=ram_gib + 1.5, n_gpus=0.25, vram_gib=1.5 + 1.2 * size.weights_gib)

    def useful_s(self, shape: Shape) -> float | None:
        """All texts have to be embedded before anything is learnt."""
        return _embedding_s(_known_size(shape), shape)

    def view(self, params: Params, shape: Shape) -> View:
        """Texts as they are; numbers scaled, and a column for each category."""
        return View(numeric="quantile", categorical="onehot", text="raw", max_onehot=32)

    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """Penalty, and whether values of embeddings are scaled each, or all by one factor."""
        return {
            "C": suggest.suggest_float("C", 1e-2, 1e3, log=True),
            "scaling": suggest.suggest_categorical("scaling", _SCALINGS),
        }

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """A medium penalty, a weak one, and a strong one."""
        points = [(3.0, "standard"), (30.0, "standard"), (0.3, "length")]
        return [{"C": C, "scaling": scaling} for C, scaling in points]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Embeds what no other fit of the run has embedded, and fits the linear model."""
        from automl_plugins.torch.text.sentence_fit import fit_sentences

        return fit_sentences(_folder(context.shape), params, fold, context, report)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[FittedModel]
    ) -> FittedModel:
        """Solves exactly.

        Raises:
            CannotRefit: Gradient descent would be needed.
        """
        from automl_plugins.torch.text.sentence_fit import refit_sentences

        return refit_sentences(_folder(context.shape), params, fold, context)

    def save(self, model: Any, path: Path) -> None:
        """Writes the linear model, and the path and fingerprint of the model that embeds."""
        from automl_plugins.torch.text.sentence_fit import save_sentences

        save_sentences(model, path)

    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote; the model that embeds must be where it was."""
        from automl_plugins.torch.text.sentence_fit import load_sentences

        return load_sentences(path)


def _folder(shape: Shape) -> Path:
    """The folder that the settings name; absolute, for it is looked up from elsewhere too."""
    return Path(str(shape.settings["model"])).expanduser().resolve()


def _known_size(shape: Shape) -> ModelSize:
    """What the model takes; a usual small one where none is named."""
    if not shape.settings["model"]:
        return ModelSize(weights_gib=0.1, n_products=10**7, width=384, most_tokens=256)
    return size_of(_folder(shape))


def _embedding_s(size: ModelSize, shape: Shape) -> float:
    """Seconds in which one core, or a GPU, embeds the texts of all rows."""
    speed = _GPU_FLOPS_PER_S if shape.n_gpus else _FLOPS_PER_S
    tokens = sum(min(size.most_tokens, n / _BYTES_OF_A_TOKEN + 2) for n in shape.text_bytes)
    work_s = 2.0 * size.n_products * tokens / speed
    return shape.n_rows * (work_s + shape.n_text * _SECONDS_OF_A_TEXT)


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Brings ``sentences``."""
    return [Sentences()]
