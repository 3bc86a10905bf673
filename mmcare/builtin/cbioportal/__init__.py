"""The door for studies in cBioPortal's file formats."""
