"""Registry of plugins: loads entry points and keeps broken plugins with their errors."""

from automl.registry.containment import printing_to
from automl.registry.loading import load_plugins_for, load_registry
from automl.registry.registry import BrokenPlugin, RegisteredFamily, Registry

__all__ = [
    "BrokenPlugin",
    "RegisteredFamily",
    "Registry",
    "load_plugins_for",
    "load_registry",
    "printing_to",
]
