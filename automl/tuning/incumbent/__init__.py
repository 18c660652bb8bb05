"""The best ensemble so far, the out-of-fold predictions it stands on, and what it costs."""
