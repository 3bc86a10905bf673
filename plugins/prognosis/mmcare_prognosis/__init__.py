"""The dual-task head."""
