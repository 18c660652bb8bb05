"""The configuration groups of a search, as Hydra composes them."""

__all__: list[str] = []
