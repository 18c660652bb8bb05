"""The next family and its next params: the allocator, and one Optuna study per family."""
