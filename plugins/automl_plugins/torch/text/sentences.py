"""Family of linear models on embeddings of texts by a local model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ColumnKind,
    ConfigurableFamily,
    Encoding,
    FittedModel,
    Fold,
    IterativeFamily,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    RefittableFamily,
    Report,
    Resources,
    SelectiveFamily,
    Suggest,
    Task,
    TrialContext,
    hookimpl,
)
from automl_plugins.torch.text.sentence_folder import ModelSize, problem_with, size_of

__all__ = ["Sentences", "automl_model_families"]

_FLOPS_PER_S = 2e10  # of one CPU core that embeds: a cautious estimate
_GPU_FLOPS_PER_S = 2e12
_SECONDS_OF_A_TEXT = 1e-4  # to split a text into tokens, whatever the model
_BYTES_OF_A_TOKEN = 4.0
_BUDGET_SHARE = 0.5  # of the budget, within which all texts must be embedded
_SCALINGS = ("standard", "length")


class Sentences(ConfigurableFamily, IterativeFamily, RefittableFamily, SelectiveFamily):
    """A regularised linear model on embeddings by sentence-transformers and the other columns.

    ``model.sentences.model`` names the folder of the embedding model. It is not trained; nothing is
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

    def unsupported_reason(self, info: ProblemInfo) -> str | None:
        """Skips tables without texts, folders without a model, and too many texts for the time."""
        if not info.n_text:
            return "it needs a text column"
        if not info.settings["model"]:
            return "set model.sentences.model to the folder of a sentence-transformers model"
        folder = _folder(info)
        problem = problem_with(folder)
        if problem is not None or info.time_s is None:
            return problem
        needed_s = _embedding_s(size_of(folder), info)
        if needed_s <= _BUDGET_SHARE * info.time_s:
            return None
        return (
            f"to embed the texts of {info.n_rows:,} rows takes about {needed_s:.0f} s, too long "
            f"for {info.time_s:.0f} s: give it more time, a GPU, or a smaller model"
        )

    def resources(self, problem: ProblemInfo) -> Resources:
        """The weights and the features of all rows; a quarter of a GPU to embed."""
        size = _known_size(problem)
        n_columns = problem.n_numeric + 8 * problem.n_categorical + size.width * problem.n_text
        ram_gib = 0.5 + 1.2 * size.weights_gib + 16.0 * problem.n_rows * n_columns / 2**30
        if not problem.n_gpus:
            return Resources(ram_gib=ram_gib)
        return Resources(ram_gib=ram_gib + 1.5, n_gpus=0.25, vram_gib=1.5 + 1.2 * size.weights_gib)

    def min_useful_fit_s(self, problem: ProblemInfo) -> float | None:
        """Seconds to embed all texts, which comes before any training."""
        return _embedding_s(_known_size(problem), problem)

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Unencoded texts, scaled numbers, one-hot categories."""
        return Encoding(numeric="quantile", categorical="onehot", text="raw", max_onehot=32)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Penalty, and scaling of embeddings by value or by one factor."""
        return {
            "C": suggest.suggest_float("C", 1e-2, 1e3, log=True),
            "scaling": suggest.suggest_categorical("scaling", _SCALINGS),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A medium penalty, a weak one, and a strong one."""
        points = [(3.0, "standard"), (30.0, "standard"), (0.3, "length")]
        return [{"C": C, "scaling": scaling} for C, scaling in points]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Embeds texts that no other fit of the run has embedded, and fits the linear model."""
        from automl_plugins.torch.text.sentence_fit import fit_sentences

        return fit_sentences(_folder(context.problem), params, fold, context, report)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[FittedModel]
    ) -> FittedModel:
        """Fits all rows by the exact solver.

        Raises:
            CannotRefit: Gradient descent would be needed.
        """
        from automl_plugins.torch.text.sentence_fit import refit_sentences

        return refit_sentences(_folder(context.problem), params, fold, context)

    def save(self, model: Any, path: Path) -> None:
        """Writes the linear model, and path and fingerprint of the embedding model."""
        from automl_plugins.torch.text.sentence_fit import save_sentences

        save_sentences(model, path)

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``; the embedding model must be in its place."""
        from automl_plugins.torch.text.sentence_fit import load_sentences

        return load_sentences(path)


def _folder(problem: ProblemInfo) -> Path:
    """The folder in the settings, as an absolute path, because workers have other folders."""
    return Path(str(problem.settings["model"])).expanduser().resolve()


def _known_size(problem: ProblemInfo) -> ModelSize:
    """Size of the model; that of a typical small one if none is set."""
    if not problem.settings["model"]:
        return ModelSize(weights_gib=0.1, n_products=10**7, width=384, most_tokens=256)
    return size_of(_folder(problem))


def _embedding_s(size: ModelSize, problem: ProblemInfo) -> float:
    """Seconds to embed the texts of all rows on one core, or a GPU."""
    speed = _GPU_FLOPS_PER_S if problem.n_gpus else _FLOPS_PER_S
    tokens = sum(min(size.most_tokens, n / _BYTES_OF_A_TOKEN + 2) for n in problem.text_bytes)
    work_s = 2.0 * size.n_products * tokens / speed
    return problem.n_rows * (work_s + problem.n_text * _SECONDS_OF_A_TEXT)


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``sentences``."""
    return [Sentences()]
