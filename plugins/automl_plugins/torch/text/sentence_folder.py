"""A folder with a model of sentence-transformers, looked at without loading it or a library."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

__all__ = ["ModelSize", "fingerprint", "problem_with", "size_of"]

_PACKAGE = "sentence_transformers."
_KIND = "SentenceTransformer"  # others are not made to embed single texts
_PICKLED = ("pytorch_model*.bin", "adapter_model*.bin")
_READ = frozenset({".json", ".model", ".safetensors", ".txt"})  # what decides on the embeddings
_MOST_HEADER_BYTES = 100_000_000  # the limit that safetensors set themselves
_USUAL_TOKENS = 512  # that are read of a text, where the folder does not say
_LIMITS = (
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
    ("config.json", "max_position_embeddings"),
)


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What a model takes.

    Attributes:
        weights_gib: Of all weights, on the disk.
        n_products: Products of a weight and a value for each token: weights that are no vectors of
            tokens.
        width: Values of an embedding, as far as can be told without loading it.
        most_tokens: Tokens of a text that are read.
    """

    weights_gib: float
    n_products: int
    width: int
    most_tokens: int


def problem_with(folder: Path) -> str | None:
    """Says why a folder is no model that is loaded; None where it is one.

    Refused is what would run code that the folder names or brings along.
    """
    if not folder.is_dir():
        return f"there is no folder {folder}, which model.sentences.model names"
    try:
        modules = [str(module["type"]) for module in _json(folder / "modules.json")]
        about = folder / "config_sentence_transformers.json"
        kind = _json(about).get("model_type", _KIND) if about.is_file() else _KIND
        size_of(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        return f"{folder} is no folder that sentence-transformers saved a model in: {reason}"
    foreign = next((module for module in modules if not module.startswith(_PACKAGE)), None)
    if foreign is not None:
        return f"the model in {folder} needs {foreign}: code outside of the library is never run"
    if kind != _KIND:
        return f"the model in {folder} is a {kind}, and no SentenceTransformer"
    for pickled in (file for pattern in _PICKLED for file in sorted(folder.rglob(pattern))):
        if not any(pickled.parent.glob("*.safetensors")):
            return f"{pickled} may be a pickle, which can run code: save the model as safetensors"
    if not any(folder.rglob("*.safetensors")):
        return f"the model in {folder} has no weights in files of safetensors"
    return None


def size_of(folder: Path) -> ModelSize:
    """Reads what a model takes from the headers of its weights.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged.
    """
    n_bytes, n_products, width = 0, 0, 1
    for file in sorted(folder.rglob("*.safetensors")):
        n_bytes += file.stat().st_size
        for name, tensor in _header(file).items():
            shape = [] if name == "__metadata__" else tensor["shape"]
            if len(shape) == 2 and "embedding" in name:
                width = max(width, int(shape[1]))
            else:
                n_products += prod(shape)
    found = [_json(folder / n).get(key) for n, key in _LIMITS if (folder / n).is_file()]
    most = min((int(limit) for limit in found if limit), default=_USUAL_TOKENS)
    return ModelSize(n_bytes / 2**30, n_products, width, most)


def fingerprint(folder: Path) -> str:
    """A digest of all that decides on the embeddings: weights, vocabulary and settings.

    Args:
        folder: A model.

    Returns:
        16 hexadecimal digits.
    """
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix in _READ and not any(p[0] == "." for p in file.relative_to(folder).parts)
    )
    found = [(str(f.relative_to(folder)), f.stat()) for f in files]
    return _digest(folder, tuple((name, s.st_size, s.st_mtime_ns) for name, s in found))


@lru_cache(maxsize=4)
def _digest(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """Of files by name, size and time: they are read once, as long as neither changes."""
    whole = hashlib.sha256()
    for name, _, _ in files:
        with (folder / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\n{content}\n".encode())
    return whole.hexdigest()[:16]


def _json(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _header(file: Path) -> dict[str, Any]:
    """Names, types and shapes of the tensors in a file of safetensors."""
    with file.open("rb") as opened:
        n_bytes = int.from_bytes(opened.read(8), "little")
        if n_bytes > _MOST_HEADER_BYTES:
            raise ValueError(f"{file} is no file of safetensors")
        found: dict[str, Any] = json.loads(opened.read(n_bytes))
    return found
