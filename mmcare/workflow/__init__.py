"""Whole pieces of work in one call, a module each; the command line and the Python API call these.

Nothing is imported here: who imports images or checks a table does not wait for what training needs.
"""
