"""Which family and which params come next: the allocator, and one Optuna study a family."""
