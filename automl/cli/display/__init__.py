"""Output of the verbs: live view, plain lines, summaries."""
