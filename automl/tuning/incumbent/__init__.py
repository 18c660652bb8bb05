"""The best ensemble so far, its out-of-fold predictions, and its cost."""
