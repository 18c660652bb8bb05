"""What the verbs show: live views, lines, summaries."""
