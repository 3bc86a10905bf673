"""The table of verbs: what `--help` lists, and where each verb is imported from when it is used."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GROUPS", "VERBS", "Verb"]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of the command line.

    Attributes:
        group: The group that it stands in; empty at the top.
        name: The verb.
        target: `module:function`, imported when the verb is used.
        summary: One line for `--help`.
    """

    group: str
    name: str
    target: str
    summary: str


GROUPS = {
    "spec": "Check, write and show specs.",
    "cohort": "Check cohorts, and make them from published data.",
    "plugin": "List, show, check and start plugins.",
}

VERBS = (
    Verb("", "demo", "mmcare.cli.demo:demo", "Do the main job once, on a synthetic cohort."),
    Verb("", "train", "mmcare.cli.train:train", "Train a spec on a cohort."),
    Verb("", "evaluate", "mmcare.cli.evaluate:evaluate", "Measure how well a trained run predicts."),
    Verb("", "predict", "mmcare.cli.predict:predict", "Predict for the patients of a cohort."),
    Verb("", "report", "mmcare.cli.report:report", "Write a page about a patient that opens offline."),
    Verb("", "export", "mmcare.cli.export:export", "Write a patient's figures and maps as DICOM and FHIR."),
    Verb("", "explain", "mmcare.cli.explain:explain", "Say why a run predicts what it does."),
    Verb("", "runs", "mmcare.cli.runs:runs", "List the runs in a folder."),
    Verb("", "doctor", "mmcare.cli.doctor:doctor", "Look at this installation for what may go wrong."),
    Verb("spec", "check", "mmcare.cli.spec_check:check", "Say all that is wrong with a spec."),
    Verb("spec", "new", "mmcare.cli.spec_new:new", "Write a first spec for a cohort."),
    Verb("spec", "show", "mmcare.cli.spec_show:show", "Show a spec, as written or with all its values."),
    Verb("spec", "describe", "mmcare.cli.spec_describe:describe", "Show the parts, their shapes and parameters."),
    Verb("spec", "schema", "mmcare.cli.spec_schema:schema", "Print the JSON Schema of a spec."),
    Verb("cohort", "check", "mmcare.cli.cohort:check", "Say all that is wrong with a cohort."),
    Verb("cohort", "init", "mmcare.cli.cohort_init:init", "Draft the data dictionary of a table."),
    Verb("cohort", "cache", "mmcare.cli.cohort_cache:cache", "Prepare a spec's samples before training."),
    Verb("cohort", "import-dicom", "mmcare.cli.cohort_import_dicom:import_dicom", "Import CTs and masks from DICOM."),
    Verb("cohort", "deidentify", "mmcare.cli.cohort_deidentify:deidentify", "Write DICOM without patients' identity."),
    Verb("cohort", "deidentify-table", "mmcare.cli.cohort_deidentify:deidentify_table", "Write a table under new ids."),
    Verb("cohort", "new-key", "mmcare.cli.cohort_deidentify:new_key", "Write a key to de-identify with."),
    Verb("cohort", "fetch", "mmcare.cli.cohort_fetch:fetch", "Fetch images from the Imaging Data Commons."),
    Verb(
        "cohort",
        "import-cbioportal",
        "mmcare.cli.cohort_import_cbioportal:import_cbioportal",
        "Make a cohort of a cBioPortal study.",
    ),
    Verb("cohort", "make", "mmcare.cli.cohort:make", "Make a cohort from published files."),
    Verb("cohort", "synth", "mmcare.cli.cohort_synth:synth", "Draw a synthetic cohort whose truth is known."),
    Verb("plugin", "list", "mmcare.cli.plugin_list:list_", "List the components that are there."),
    Verb("plugin", "show", "mmcare.cli.plugin_show:show", "Show a component's fields, and YAML to paste."),
    Verb("plugin", "check", "mmcare.cli.plugin_check:check", "Hold components against their contract."),
    Verb("plugin", "new", "mmcare.cli.plugin_new:new", "Write a small working plugin to start from."),
)
