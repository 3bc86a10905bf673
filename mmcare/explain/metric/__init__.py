"""Whether an explanation can be trusted: one check a file."""
