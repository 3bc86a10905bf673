"""The one way in: a run and a cohort, then a patient and outputs to explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmcare.cohort import Cohort
from mmcare.components import Batch, InputLayout, Modality, Prepared, Prognosis, Tokens, VolumeBatch
from mmcare.errors import Finding, RunError
from mmcare.explain.algorithm.attention import attention
from mmcare.explain.algorithm.integrated_gradients import integrated_gradients, mean_tokens
from mmcare.explain.algorithm.modality_shapley import modality_shapley
from mmcare.explain.algorithm.shapley import Shares, shapley
from mmcare.explain.background import Background, Reference, read_reference
from mmcare.explain.config import ExplainConfig
from mmcare.explain.explanation import (
    AttentionFigure,
    FeatureAttribution,
    ModalityAttribution,
    PatientExplanation,
    Saliency,
    Target,
)
from mmcare.explain.players import Players, Seat, differing, seat_players
from mmcare.explain.rows import AlteredRows, EnsembleRows, NetworkRows, PredictorRows, Setting
from mmcare.explain.saliency import ImageView, image_saliency
from mmcare.explain.targets import default_targets, read_targets, why_not
from mmcare.inputs import Inputs, Progress
from mmcare.model import Model, full_precision
from mmcare.run import EnsemblePredictor, NetworkPredictor, Run

__all__ = ["Explainer", "Notes", "Work"]

Floats = npt.NDArray[np.float64]


@dataclass
class Notes:
    """What is said in words beside the figures, and how long each part took."""

    words: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Within: the clock of `part` runs."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + perf_counter() - start


class Explainer:
    """Explains what a run says of patients.

    Args:
        run: A finished run that keeps its training patients (`reference/`).
        data: The patients: a cohort, of which each patient is read when it is asked for, or inputs that were read.
        config: How much is computed.

    Raises:
        RunError: The run keeps no training patients.

    Example:
        >>> from mmcare.cohort import read_cohort
        >>> explainer = Explainer(run, read_cohort("cohort"))  # doctest: +SKIP
        >>> explainer.explain("SYN-00001").features[0].values  # doctest: +SKIP
    """

    def __init__(self, run: Run, data: Cohort | Inputs, config: ExplainConfig | None = None) -> None:
        self.run, self.data, self.config = run, data, config or ExplainConfig()
        self._read: Inputs | None = data if isinstance(data, Inputs) else None
        self.reference: Reference = read_reference(run, self._layouts)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """What is explained where nothing else is asked for: all endpoints and arms at the decision's horizon."""
        return default_targets(self.run.outcomes, self.run.spec.decision)

    def inputs(self, patient: str) -> Inputs:
        """Inputs that hold the patient; of a cohort those read last are kept."""
        if self._read is None or patient not in self._read.patients:
            self.read([patient])
        assert self._read is not None, "it was read"
        return self._read

    def read(self, patients: Sequence[str], progress: Progress | None = None) -> None:
        """Read patients of the cohort at once, ahead of explaining them one by one."""
        if isinstance(self.data, Inputs):
            what = "is not among the inputs that the explainer was given."
            raise RunError([Finding(patient=patient, what=what, code="no-patient") for patient in patients])
        self._read = self.run.inputs(self.data, patients, with_outcomes=False, progress=progress)

    def explain(self, patient: str, targets: Sequence[Target] | None = None) -> PatientExplanation:
        """Everything that can be said of why the run predicts what it does for a patient.

        The model is used in evaluation mode and left as it was.

        Args:
            patient: Id.
            targets: What to explain; by default `self.targets`.

        Raises:
            CohortError: The cohort has no such patient, or its files cannot be used.
        """
        notes = Notes()
        work = self.work(patient, targets or self.targets, notes)
        if work is None:
            return PatientExplanation(patient, (), notes=tuple(notes.words))
        features, modalities = work.shapley()
        return PatientExplanation(
            patient=patient,
            background=work.background.names,
            features=features,
            modalities=modalities,
            saliency=work.saliency(),
            attention=work.attention(),
            gradients=work.gradients(),
            notes=tuple(notes.words),
            seconds=notes.seconds,
        )

    def work(self, patient: str, targets: Sequence[Target], notes: Notes) -> Work | None:
        """A patient's explanation before its parts are computed; None where no target can be explained, as noted."""
        inputs = self.inputs(patient)
        batch = inputs.batch([patient], with_outcomes=False)
        known = self._explainable(self.run.predictor.prognosis(batch), targets, notes)
        if not known:
            return None
        items = {name: s.prepared[patient] for name, s in inputs.samples.items() if patient in s.prepared}
        background = self.reference.background(tuple(items), self.config.background, self.config.seed)
        return Work(self, inputs, batch, items, background, known, notes)

    def _explainable(self, prognosis: Prognosis, targets: Sequence[Target], notes: Notes) -> tuple[Target, ...]:
        reasons = {target: why_not(prognosis, target, self.run.outcomes) for target in targets}
        notes.words += dict.fromkeys(reason for reason in reasons.values() if reason)
        return tuple(target for target, reason in reasons.items() if not reason)

    @property
    def _layouts(self) -> Mapping[str, InputLayout]:
        modalities = {n: cast("Modality[Any]", part.make()) for n, part in self.run.spec.modalities.items()}
        return {name: modality.layout(self.run.fitted[name]) for name, modality in modalities.items()}


class Work:
    """One patient's explanation under way."""

    def __init__(
        self,
        explainer: Explainer,
        inputs: Inputs,
        batch: Batch,
        items: Mapping[str, Prepared],
        background: Background,
        targets: tuple[Target, ...],
        notes: Notes,
    ) -> None:
        self.run, self.config, self.inputs = explainer.run, explainer.config, inputs
        self.batch, self.background, self.targets, self.notes = batch, background, targets, notes
        self.players: Players = seat_players(inputs.modalities, self.run.fitted, items, background)
        self.setting = Setting(
            batch,
            background,
            self.players,
            inputs.modalities,
            targets,
            self.run.outcomes,
            self.config.rows_at_once,
        )
        with notes.timed("tokens"):
            self.networks = self._networks()
            self.rows = self._rows()
        self._say_players()

    def shares(self) -> Shares:
        """Shapley values of all players."""
        differs = differing(self.players, self.inputs.modalities, self.batch, self.background).numpy()
        return shapley(self.rows, differs, self.config.rows, self.config.seed)

    def shapley(self) -> tuple[tuple[FeatureAttribution, ...], tuple[ModalityAttribution, ...]]:
        """Of features and of modalities."""
        if not self.players.count:
            return (), ()
        with self.notes.timed("shapley"):
            shares = self.shares()
        with self.notes.timed("modalities"):
            modalities = self._modality_shares(shares)
        if not shares.exact:
            self.notes.words.append(f"Shapley values are sampled: {shares.rows:,} altered patients were computed")
        return tuple(self._features(shares)), modalities

    def saliency(self) -> tuple[Saliency, ...]:
        """Of every image."""
        if not self.networks or not self.config.saliency:
            return ()
        found: list[Saliency] = []
        for name, modality in self.batch.modalities.items():
            if isinstance(modality, VolumeBatch):
                views = [
                    ImageView(rows.model, rows.batch, name, rows.own, self.targets, self.run.outcomes)
                    for rows in self.networks
                ]
                with self.notes.timed("saliency"):
                    maps = image_saliency(views, self.config.occlusion_voxels)
                if maps[0].method == "occlusion":
                    side = self.config.occlusion_voxels
                    said = f"{name}: its encoder names no layer for Grad-CAM; cubes of {side} voxels were taken out"
                    self.notes.words.append(said)
                found += maps
        return tuple(found)

    def attention(self) -> tuple[AttentionFigure, ...]:
        """Between the patient's tokens; of an ensemble, of its first member."""
        if not self.networks:
            return ()
        with self.notes.timed("attention"):
            figures = attention(self.networks[0].model, self.networks[0].own)
        if figures and len(self.networks) > 1:
            self.notes.words.append("attention is that of the ensemble's first member")
        return figures

    def gradients(self) -> tuple[FeatureAttribution, ...]:
        """Integrated gradients of the tokens of modalities that have a token a feature, or are one player."""
        if not self.networks or not self.config.gradients:
            return ()
        model = self.networks[0].model
        seats = [seat for seat in self.players.playing() if self._has_own_tokens(seat, model)]
        self.notes.words += [
            f"{seat.modality}: one token stands for all its features, of which integrated gradients say nothing each"
            for seat in self.players.playing()
            if seat not in seats
        ]
        if not seats:
            return ()
        with self.notes.timed("gradients"), full_precision():
            found = [tuple(self._gradients(seats, rows)) for rows in self.networks]
        return tuple(_mean_attribution(parts) for parts in zip(*found, strict=True))

    def _networks(self) -> tuple[NetworkRows, ...]:
        """Of a network, or of each member of an ensemble; none of a baseline."""
        predictor = self.run.predictor
        members = predictor.members if isinstance(predictor, EnsemblePredictor) else (predictor,)
        return tuple(
            NetworkRows(member.model, self.setting, number)
            for number, member in enumerate(members)
            if isinstance(member, NetworkPredictor)
        )

    def _rows(self) -> AlteredRows:
        if not self.networks:
            return PredictorRows(self.run.predictor, self.setting)
        return self.networks[0] if len(self.networks) == 1 else EnsembleRows(self.networks)

    def _say_players(self) -> None:
        wanted, found = self.config.background, len(self.background.numbers)
        if found < wanted:
            said = f"{found} instead of {wanted} training patients stand for what is not known: no more have all of "
            self.notes.words.append(said + ", ".join(seat.modality for seat in self.players.playing()))
        for seat in self.players.seats:
            if seat.kind == "whole":
                self.notes.words.append(f"{seat.modality} counts as a whole, against those of the training patients")
            elif seat.kind == "held":
                said = f"{seat.modality} is held as it is: the run keeps none of training patients to set against it"
                self.notes.words.append(said)

    def _features(self, shares: Shares) -> Iterator[FeatureAttribution]:
        for column, target in enumerate(self.targets):
            for seat in self.players.playing():
                yield FeatureAttribution(
                    target=target,
                    modality=seat.modality,
                    features=seat.features,
                    raw=seat.raw,
                    values=shares.values[seat.places, column],
                    standard_error=shares.standard_error[seat.places, column],
                    baseline=float(shares.baseline[column]),
                    prediction=float(shares.full[column]),
                    exact=shares.exact,
                )

    def _modality_shares(self, shares: Shares) -> tuple[ModalityAttribution, ...]:
        seats = tuple(self.players.playing())
        count = len(self.background.numbers)
        values, baseline = modality_shapley(self.rows, [s.places for s in seats], self.players.count, count)
        names = tuple(seat.modality for seat in seats)
        return tuple(
            ModalityAttribution(t, names, values[:, column], float(baseline[column]), float(shares.full[column]))
            for column, t in enumerate(self.targets)
        )

    def _has_own_tokens(self, seat: Seat, model: Model) -> bool:
        names = model.encoders[seat.modality].tokens.names
        return seat.kind == "whole" or names == tuple(feature.name for feature in seat.features)

    def _gradients(self, seats: Sequence[Seat], rows: NetworkRows) -> Iterator[FeatureAttribution]:
        starts = {seat.modality: mean_tokens(rows.background_tokens(seat)) for seat in seats}

        def forward(tokens: Mapping[str, Tokens]) -> Tensor:
            prognosis = rows.model.predict(rows.model.scores(rows.model.represent(tokens)))
            return read_targets(prognosis, self.targets, self.run.outcomes)

        columns = range(len(self.targets))
        found = integrated_gradients(forward, rows.own, starts, columns, self.config.steps)
        full = forward(rows.own).detach()[0].tolist()
        base = forward({n: _at(t, starts.get(n)) for n, t in rows.own.items()}).detach()[0].tolist()
        for column, target in enumerate(self.targets):
            for seat in seats:
                parts = found[seat.modality][:, column]
                values = np.array([parts.sum()]) if seat.kind == "whole" else parts
                error = np.zeros(len(values))
                yield FeatureAttribution(
                    target, seat.modality, seat.features, seat.raw, values, error, base[column], full[column], False
                )


def _mean_attribution(parts: Sequence[FeatureAttribution]) -> FeatureAttribution:
    """The mean over the members of an ensemble."""
    return replace(
        parts[0],
        values=np.mean([part.values for part in parts], axis=0),
        baseline=float(np.mean([part.baseline for part in parts])),
        prediction=float(np.mean([part.prediction for part in parts])),
    )


def _at(tokens: Tokens, values: Tensor | None) -> Tokens:
    return tokens if values is None else Tokens(values, tokens.mask)
