"""Feature generators: new columns computed from several others, fitted on training rows."""
