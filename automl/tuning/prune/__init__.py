"""Early stopping of trials and of single fits."""
