"""From DICOM files of many patients to the images of a cohort: found by headers, written whole, all accounted for.

Nothing here knows torch: the processes that import patients start quickly.
"""
