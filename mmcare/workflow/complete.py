"""All the work of a run whose first files are there: read, train, recalibrate, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmcare.cohort import Cohort
from mmcare.components import OutcomeLayout, Split, split_labels
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import Inputs, read_inputs
from mmcare.model.paths import side_by_side
from mmcare.run import (
    BaselinePredictor,
    EnsemblePredictor,
    NetworkPredictor,
    Predictor,
    Run,
    RunFolder,
    load_run,
    make_baseline,
    segmenters_of,
    write_layouts,
    write_record,
)
from mmcare.run.store import read_splits
from mmcare.spec import Spec
from mmcare.training import Loop, Place, Trained, choose_place, weights_bytes
from mmcare.workflow.begun import Begun, resume_command, stoppable
from mmcare.workflow.card import write_card
from mmcare.workflow.decision_state import write_decision
from mmcare.workflow.finished import Finished, Member
from mmcare.workflow.manifest import manifest_of
from mmcare.workflow.members import member_spec
from mmcare.workflow.network import Task, finish_network, train_network
from mmcare.workflow.options import Options
from mmcare.workflow.reference import write_reference
from mmcare.workflow.watch import changed_files, check_clock, file_times

__all__ = ["complete"]


@dataclass(frozen=True, slots=True)
class _Work:
    """A run under way."""

    folder: RunFolder
    spec: Spec
    cohort: Cohort
    begun: Begun
    options: Options
    layout: OutcomeLayout
    splits: Mapping[str, Split]

    def patients(self, split: Split) -> tuple[str, ...]:
        """The patients of a split."""
        return tuple(patient for patient, found in self.splits.items() if found == split)


@dataclass(frozen=True, slots=True)
class _Made:
    """What training gave."""

    trained: Trained
    predictor: Predictor
    members: tuple[Member, ...] = ()


def complete(folder: RunFolder, spec: Spec, cohort: Cohort, begun: Begun, options: Options) -> Run:
    """Bring a begun run to its end; its folder is locked by the caller.

    Raises:
        Interrupted: Ctrl-C; names what is kept and the command that goes on.
        CohortError: Files cannot be used.
        RunError: Training failed.
    """
    work = _Work(folder, spec, cohort, begun, options, cohort.outcome_layout(), read_splits(folder.splits))
    times = file_times(spec, cohort)
    options.tell_findings(check_clock([*times, folder.resume / "last.ckpt"]))
    with stoppable(folder, spec, "the inputs were read; the split is kept, and images are in the cache"):
        inputs = _inputs(work)
    made = _fit_baseline(work, inputs) if spec.kind == "baseline" else _fit_networks(work, inputs)
    with stoppable(folder, spec, "the run was finished; all epochs are kept"):
        _write_rest(work, inputs, made)
        options.tell_findings([*changed_files(times), *check_clock([folder.spec])])
    return load_run(folder.path, allow_local_code=True)


def _inputs(work: _Work) -> Inputs:
    read = read_inputs(
        work.spec,
        work.cohort,
        work.layout,
        segmenters=segmenters_of(work.spec, work.folder, choose_place(work.spec.training).device),
        patients=tuple(work.splits),
        cache=work.options.cache,
        progress=work.options.progress,
        workers=max(1, work.spec.training.workers),
    )
    inputs = read.fit(work.patients("training"))
    work.options.tell_findings(inputs.findings())
    return inputs


def _fit_baseline(work: _Work, inputs: Inputs) -> _Made:
    with stoppable(work.folder, work.spec, "the baseline was fitted; the split is kept"):
        baseline = make_baseline(work.spec, inputs.layouts, work.layout)
        training, validation = work.patients("training"), work.patients("validation")
        baseline.fit(inputs.batch((*training, *validation)), split_labels(len(training), len(validation)))
        write_record(work.folder.member(), "state", baseline.state())
        write_layouts(work.folder.member(), inputs.layouts)
    return _Made(Trained(Place("cpu", "fp32"), epochs=0, best_epoch=-1), BaselinePredictor(baseline))


def _fit_networks(work: _Work, inputs: Inputs) -> _Made:
    place = choose_place(work.spec.training)
    work.options.tell(f"training on {place}")
    trained, members = [], []
    for number in range(work.begun.members):
        if work.begun.members > 1:
            work.options.tell(f"member {number + 1} of {work.begun.members}")
        made = _fit_network(work, inputs, number, _loop(work, number, place))
        trained.append(made[0])
        members.append(made[1])
    predictors = [NetworkPredictor(member.model.to(place.device)) for member in members]
    predictor = predictors[0] if len(predictors) == 1 else EnsemblePredictor(predictors)
    return _Made(trained[0], predictor, tuple(members))


def _loop(work: _Work, number: int, place: Place) -> Loop:
    """How a member is trained; what going on with it needs stands apart from the others'."""
    folder = work.folder.path if number == 0 else work.folder.resume / f"member-{number:02d}"
    command = resume_command(work.folder, work.spec)
    return Loop(folder, place, command, work.options.tell, work.options.epoch_progress, dry=work.begun.dry_run)


def _fit_network(work: _Work, inputs: Inputs, number: int, loop: Loop) -> tuple[Trained, Member]:
    spec = member_spec(work.spec, number)
    task = Task(work.folder, spec, work.layout, inputs, work.patients("training"), work.patients("validation"))
    with stoppable(work.folder, work.spec, "training was prepared; the finished epochs are kept"):
        model, trained = train_network(task, loop, work.options)
    with stoppable(work.folder, work.spec, "the model was finished; all epochs are kept"):
        member = finish_network(task, model, loop.place.device)
        write_bytes(work.folder.member(number) / "weights.safetensors", weights_bytes(model))
        write_layouts(work.folder.member(number), inputs.layouts)
    return trained, member


def _write_rest(work: _Work, inputs: Inputs, made: _Made) -> None:
    for name, fitted in inputs.fitted.items():
        write_record(work.folder.preprocessing, name, fitted)
    if work.begun.reference:
        r = side_by_side([member.seen.r for member in made.members]) if made.members else None
        write_reference(work.folder, inputs, work.patients("training"), made.predictor, r)
    if made.members:
        write_decision(_finished(work, inputs, made), _loop(work, 0, made.trained.place), work.options)
    manifest = manifest_of(work.spec, made.trained, work.begun.members)
    write_card(work.folder, work.spec, work.cohort, manifest, work.splits)
    work.folder.finish(manifest)


def _finished(work: _Work, inputs: Inputs, made: _Made) -> Finished:
    return Finished(
        folder=work.folder,
        spec=work.spec,
        cohort=work.cohort,
        layout=work.layout,
        inputs=inputs,
        training=work.patients("training"),
        validation=work.patients("validation"),
        members=made.members,
        dry=work.begun.dry_run,
    )
