"""The controller's state of trials, and how they end."""
