"""One reader a format (and a writer where one is useful): values in the field's units, and findings. Knows no torch.

A reader returns what it could use beside what it found wrong; a file of no use raises CohortError. Public names are
resolved on first use, so that importing the room costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmcare.formats.cbioportal import CbioportalStudy, read_cbioportal_study, read_clinical
    from mmcare.formats.dicom import read_dicom_series
    from mmcare.formats.fasta import Protein, read_fasta
    from mmcare.formats.filename import check_id, file_name
    from mmcare.formats.gene_symbols import current_symbol
    from mmcare.formats.gmt import Pathway, read_gmt
    from mmcare.formats.images import read_mask, read_volume
    from mmcare.formats.maf import Mutation, read_maf
    from mmcare.formats.nifti import read_nifti, read_nifti_mask, write_nifti
    from mmcare.formats.nrrd import read_nrrd, read_nrrd_mask
    from mmcare.formats.panels import impact_panels, read_panel_genes, read_panel_matrix
    from mmcare.formats.patients_table import read_patients_table
    from mmcare.formats.rows import Rows
    from mmcare.formats.rtstruct import Roi, RTStruct, rasterise, read_rtstruct
    from mmcare.formats.string_network import Edge, read_edges
    from mmcare.formats.table import Table, parse_numbers, read_table
    from mmcare.formats.table_format import TableFormat
    from mmcare.formats.volume import Geometry, Series, Volume

__all__ = [
    "CbioportalStudy",
    "Edge",
    "Geometry",
    "Mutation",
    "Pathway",
    "Protein",
    "RTStruct",
    "Roi",
    "Rows",
    "Series",
    "Table",
    "TableFormat",
    "Volume",
    "check_id",
    "current_symbol",
    "file_name",
    "impact_panels",
    "parse_numbers",
    "rasterise",
    "read_cbioportal_study",
    "read_clinical",
    "read_dicom_series",
    "read_edges",
    "read_fasta",
    "read_gmt",
    "read_maf",
    "read_mask",
    "read_nifti",
    "read_nifti_mask",
    "read_nrrd",
    "read_nrrd_mask",
    "read_panel_genes",
    "read_panel_matrix",
    "read_patients_table",
    "read_rtstruct",
    "read_table",
    "read_volume",
    "write_nifti",
]

_MODULES = {
    "cbioportal": ("CbioportalStudy", "read_cbioportal_study", "read_clinical"),
    "dicom": ("read_dicom_series",),
    "fasta": ("Protein", "read_fasta"),
    "filename": ("check_id", "file_name"),
    "gene_symbols": ("current_symbol",),
    "gmt": ("Pathway", "read_gmt"),
    "images": ("read_mask", "read_volume"),
    "maf": ("Mutation", "read_maf"),
    "nifti": ("read_nifti", "read_nifti_mask", "write_nifti"),
    "nrrd": ("read_nrrd", "read_nrrd_mask"),
    "panels": ("impact_panels", "read_panel_genes", "read_panel_matrix"),
    "patients_table": ("read_patients_table",),
    "rows": ("Rows",),
    "rtstruct": ("RTStruct", "Roi", "rasterise", "read_rtstruct"),
    "string_network": ("Edge", "read_edges"),
    "table": ("Table", "parse_numbers", "read_table"),
    "table_format": ("TableFormat",),
    "volume": ("Geometry", "Series", "Volume"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
