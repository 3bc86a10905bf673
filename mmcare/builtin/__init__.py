"""What the core itself offers, through the same entry point as any plugin: ready-made tokens, and recipes."""
