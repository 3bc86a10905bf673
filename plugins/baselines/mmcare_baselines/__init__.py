"""Classical baselines."""
