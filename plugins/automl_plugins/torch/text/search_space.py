"""Search space of text branches, and their cost; imports no library."""

from __future__ import annotations

from typing import Any

from automl.plugin import ProblemInfo, Suggest

__all__ = ["default_text", "suggest_text", "text_gib", "text_products"]

_EMBEDDINGS = (16, 32, 48, 64, 96)
_WIDTHS = (32, 48, 64, 96, 128)

_BYTES_OF_A_WORD = 6.0
_MOST_WORDS = 512
_PIECES_OF_A_WORD = 10
_TABLE_PRODUCTS = 10_000.0  # share per row of updating all vectors, also unused ones
_COPIES = 6  # of the vectors: gradients, two moments, and the best weights
_MOST_PIECES = 30_000


def suggest_text(suggest: Suggest) -> dict[str, Any]:
    """Suggests an encoder with its params."""
    one_of = suggest.suggest_categorical
    params = {
        "encoder": one_of("encoder", ["bag", "cnn", "rnn"]),
        "embedding": one_of("embedding", _EMBEDDINGS),
        "word_dropout": suggest.suggest_float("word_dropout", 0.0, 0.4),
    }
    if params["encoder"] == "cnn":
        params["filters"] = one_of("filters", _WIDTHS)
    elif params["encoder"] == "rnn":
        params["states"] = one_of("states", _WIDTHS)
    return params


def default_text() -> dict[str, Any]:
    """A bag of words and pairs, which is cheap and rarely much worse."""
    return {"encoder": "bag", "embedding": 32, "word_dropout": 0.1}


def text_products(problem: ProblemInfo) -> float:
    """Multiply-adds for the texts of one row, in the smallest net."""
    words = sum(min(_MOST_WORDS, size / _BYTES_OF_A_WORD) for size in problem.text_bytes)
    return words * _PIECES_OF_A_WORD * _EMBEDDINGS[0] + problem.n_text * _TABLE_PRODUCTS


def text_gib(problem: ProblemInfo) -> float:
    """Memory of texts in a fit: vectors, word numbers, and the states of a batch."""
    vectors = problem.n_text * _MOST_PIECES * _EMBEDDINGS[-1] * 4.0 * _COPIES
    batch = problem.n_text * 512 * 256 * 4 * _WIDTHS[-1] * 4.0
    return (vectors + batch + 4.0 * problem.n_rows * sum(problem.text_bytes)) / 2**30
