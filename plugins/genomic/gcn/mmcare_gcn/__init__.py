"""Graph convolutions over a gene network."""
