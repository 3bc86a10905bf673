"""Fusion of token sets."""
