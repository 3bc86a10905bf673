"""FDG-PET for MM-Care."""
