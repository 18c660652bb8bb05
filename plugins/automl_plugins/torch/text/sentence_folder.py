"""Inspects a folder with a model of sentence-transformers, without loading it or a library."""

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
_KIND = "SentenceTransformer"  # other kinds do not embed single texts
_PICKLED = ("pytorch_model*.bin", "adapter_model*.bin")
_READ = frozenset({".json", ".model", ".safetensors", ".txt"})  # files that affect embeddings
_MOST_HEADER_BYTES = 100_000_000  # limit of safetensors
_USUAL_TOKENS = 512  # tokens read per text, if the folder does not say
_LIMITS = (
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
    ("config.json", "max_position_embeddings"),
)


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Size of a model.

    Attributes:
        weights_gib: Size of all weights on disk.
        n_products: Multiply-adds per token: weights outside of the token embedding.
        width: Size of an embedding, as far as known without loading the model.
        most_tokens: Tokens read per text.
    """

    weights_gib: float
    n_products: int
    width: int
    most_tokens: int


def problem_with(folder: Path) -> str | None:
    """Returns the reason why a folder has no model that may be loaded, or None.

    Models that would run code are rejected.
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
        return f"{folder} is not a folder saved by sentence-transformers: {reason}"
    foreign = next((module for module in modules if not module.startswith(_PACKAGE)), None)
    if foreign is not None:
        return f"the model in {folder} needs {foreign}: code outside of the library is never run"
    if kind != _KIND:
        return f"the model in {folder} is a {kind}, not a SentenceTransformer"
    for pickled in (file for pattern in _PICKLED for file in sorted(folder.rglob(pattern))):
        if not any(pickled.parent.glob("*.safetensors")):
            return f"{pickled} may be a pickle, which can run code: save the model as safetensors"
    if not any(folder.rglob("*.safetensors")):
        return f"the model in {folder} has no weights in safetensors files"
    return None


def size_of(folder: Path) -> ModelSize:
    """Reads the size of a model from the headers of its weights.

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
    """A digest of everything that affects the embeddings: weights, vocabulary and settings.

    Args:
        folder: Folder of a model.

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
    """Digest of files by name, size and time, cached as long as these do not change."""
    whole = hashlib.sha256()
    for name, _, _ in files:
        with (folder / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\n{content}\n".encode())
    return whole.hexdigest()[:16]


def _json(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _header(file: Path) -> dict[str, Any]:
    """Names, types and shapes of the tensors in a safetensors file."""
    with file.open("rb") as opened:
        n_bytes = int.from_bytes(opened.read(8), "little")
        if n_bytes > _MOST_HEADER_BYTES:
            raise ValueError(f"{file} is not a safetensors file")
        found: dict[str, Any] = json.loads(opened.read(n_bytes))
    return found
