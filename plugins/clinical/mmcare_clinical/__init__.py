"""Clinical tables: the modality `table` and the encoder `mlp`."""
