"""What of a person a cohort folder may still hold: one module a kind of file; no finding quotes what it found."""
