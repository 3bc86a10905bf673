"""The command line: one file a verb, and heavy imports inside the function that needs them.

To add a verb:

1. Write a function in a module of this room, light at its top level: `typer` and `mmcare.errors`, no more. Its
   parameters are Typer options (`mmcare.cli.options` holds those that several verbs share). Its docstring is its
   `--help`: a summary, then what it does, then an `Example:` section of indented commands that a test runs.
2. Add one line to the table in `mmcare/cli/verbs.py`: group, verb, `module:function`, one line of summary.

`mmcare --help` shows the table and imports none of the modules. A verb raises `MMCareError` for what the user can mend:
`mmcare.cli.main.main` shows its findings and ends with exit code 2. A verb that has done its work and says no (a check
that found errors) ends with `raise typer.Exit(1)`. Results go to stdout, everything else to stderr. `--traceback` is
added to every verb.
"""

from __future__ import annotations
