"""The main loop of a search: starts fits on free devices, and handles their results."""
