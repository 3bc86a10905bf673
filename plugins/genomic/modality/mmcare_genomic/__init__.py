"""Tumour genomes as inputs."""
