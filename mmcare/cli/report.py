"""`mmcare report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode
from mmcare.cli.progress import progress, tell
from mmcare.cli.show import show_findings
from mmcare.errors import Finding, MMCareError

if TYPE_CHECKING:
    from mmcare.cohort import Cohort
    from mmcare.run import Run

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort that holds the patient.")],
    patient: Annotated[str | None, typer.Option("--patient", metavar="ID", help="The patient.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every patient of the cohort, with an index page.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="PATH", help="File to write, by default ID.html; with --all a folder, by default reports."
        ),
    ] = None,
    data: Annotated[
        bool, typer.Option("--json", help="Write the report's data as JSON, too, beside the page.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="With --all: processes; 0: as many as there are cores.")
    ] = 0,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Write a page about one patient: what each treatment would probably bring, how sure that is, and why.

    One HTML file that opens from disk in any browser, asks the network for nothing, and prints. Its figures are those
    of `mmcare predict`. What a run does not hold (refits, training patients, figures of its performance) is named
    there with the command that makes it. With --all: a page a patient, and index.html with search and filters; begun
    again after a stop, it goes on.

    Example:
        mmcare report runs/demo-0001 --cohort mmcare-demo/cohort --patient SYN-00001
        mmcare report runs/demo-0001 --cohort mmcare-demo/cohort --all --out reports
    """
    from mmcare.cohort import read_cohort
    from mmcare.run import load_run

    if everyone == (patient is not None):
        what = "name one patient with `--patient ID`, or `--all`; not both."
        raise MMCareError(Finding(what=what, todo="`mmcare predict RUN --cohort DIR` lists the ids.", code="whom"))
    loaded, read = load_run(run, allow_local_code=allow_local_code), read_cohort(cohort)
    if patient is None:
        raise typer.Exit(_write_all(loaded, read, out or Path("reports"), workers, allow_local_code))
    _write_one(loaded, read, patient, out, data)


def _write_one(run: Run, cohort: Cohort, patient: str, out: Path | None, with_data: bool) -> None:
    from mmcare.formats.atomic import write_text
    from mmcare.formats.filename import file_name
    from mmcare.report import build_report, render_report

    path = out if out is not None else Path(file_name(patient, ".html"))
    if path.is_dir():
        what = "is a folder; a report is a file."
        raise MMCareError(Finding(file=path, what=what, todo=f"Write `--out {path / file_name(patient, '.html')}`."))
    with progress() as advance:
        found = build_report(run, cohort, patient, advance)
    write_text(path, render_report(found))
    print(path)
    if with_data:
        write_text(path.with_suffix(".json"), found.model_dump_json(indent=1) + "\n")
        print(path.with_suffix(".json"))


def _write_all(run: Run, cohort: Cohort, out: Path, workers: int, allow_local_code: bool) -> int:
    from mmcare.report.many import write_reports

    with progress() as advance:
        made = write_reports(run, cohort, out, workers=workers, allow_local_code=allow_local_code, progress=advance)
    show_findings(made.findings)
    tell(f"{made.written} reports written, {made.kept} were there, {len(made.findings)} could not be made")
    print(made.index)
    return 1 if made.findings else 0
