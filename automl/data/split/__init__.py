"""The split plan: which rows train and which validate in each fold."""
