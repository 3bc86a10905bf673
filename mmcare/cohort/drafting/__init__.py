"""A first data dictionary for a table: what its names and values suggest, marked as guessed, and what to fill in."""
