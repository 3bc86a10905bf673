"""Protein and DNA language models as encoders."""
