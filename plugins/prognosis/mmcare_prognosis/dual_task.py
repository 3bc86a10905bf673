"""The dual-task head: an MLP an arm and endpoint on the shared representation (Eq. 16-18)."""

from __future__ import annotations

import copy
import logging
from typing import cast

import torch
from torch import Tensor, nn

from mmcare.components import Head, Losses, OutcomeLayout, Outcomes, Prognosis, Scores, Split, with_arm_curves
from mmcare.survival import IntervalGrid
from mmcare_prognosis.agreement import TOLERANCE, disagreement, share_disagreeing
from mmcare_prognosis.choice import chosen_endpoints
from mmcare_prognosis.cox_model import CoxHazard
from mmcare_prognosis.endpoint_model import EndpointModel
from mmcare_prognosis.factual import factual_rows
from mmcare_prognosis.gather import whole_batch
from mmcare_prognosis.hazard_model import HazardModel
from mmcare_prognosis.horizon_model import HorizonSigmoids
from mmcare_prognosis.plugin import AgreementConfig, ModelName, TaskConfig

__all__ = ["DualTask"]

log = logging.getLogger(__name__)

_FIRST_STEP = 0.1
"""The last layer's weights are scaled by this, so that training starts near the arm's curve."""


class DualTask(Head[TaskConfig]):
    """Per arm and endpoint an MLP on R (Eq. 16-17); L = sum of weight * loss (Eq. 18), for one endpoint or several.

    The loss is factual: a patient adds to that of the arm received. Where several processes train, it is the loss of
    the rows of all of them.

    Shapes: R (B, D) -> scores (B, A, S) an endpoint, S the endpoint model's affair.

    Args:
        config: Keys of the spec.
        dim: D.
        outcomes: Arms and endpoints.

    Raises:
        SpecError: An endpoint is none of the cohort's, or its model does not fit it.
    """

    def __init__(self, config: TaskConfig, dim: int, outcomes: OutcomeLayout) -> None:
        super().__init__(config, dim, outcomes)
        chosen = chosen_endpoints(config, outcomes)
        self.grid = IntervalGrid.of_horizons(outcomes.horizons)
        self.weights = {name: choice.weight for name, choice in chosen.items()}
        self.ranking = {name: choice.ranking for name, choice in chosen.items() if choice.ranking > 0}
        self.models = nn.ModuleDict({_key(name): self._model(name, choice.model) for name, choice in chosen.items()})
        self.mlps = nn.ModuleDict({_key(name): self._mlps(dim, self._of(name)) for name in chosen})

    def _model(self, name: str, model: ModelName) -> EndpointModel:
        layout = self.outcomes
        place = (len(layout.arms), self.grid, layout.endpoint(name), layout.index(name))
        match model:
            case "cox":
                return CoxHazard(*place)
            case "sigmoid" | "bce":
                return HorizonSigmoids(*place)
            case "discrete" | "competing-risk":
                causes = 2 if model == "competing-risk" else 1
                return HazardModel(*place, causes=causes, recalibrate=self.config.recalibrate == "validation")

    def _mlps(self, dim: int, model: EndpointModel) -> nn.ModuleList:
        """One an arm, all from the same weights: at first arms differ by their curves alone, then where data say so."""
        first = _mlp(self.config, dim, model)
        return nn.ModuleList(copy.deepcopy(first) for _ in self.outcomes.arms)

    def _of(self, name: str) -> EndpointModel:
        return cast(EndpointModel, self.models[_key(name)])

    def _hazards_of(self, name: str) -> HazardModel:
        return cast(HazardModel, self.models[_key(name)])

    def _arms_of(self, name: str) -> list[nn.Sequential]:
        return list(cast("nn.ModuleList", self.mlps[_key(name)]))  # type: ignore[arg-type]

    def fit(self, outcomes: Outcomes) -> None:
        """Intervals and curves from the training outcomes; every MLP starts at its arm's curve.

        A head whose weights come from elsewhere (`weights:`) keeps them.
        """
        with torch.no_grad():
            for name in self.weights:
                self._of(name).fit(outcomes)
                if self.config.weights is None:
                    self._start(name)

    def _start(self, name: str) -> None:
        for arm, mlp in enumerate(self._arms_of(name)):
            last = cast(nn.Linear, mlp[-1])
            last.weight.mul_(_FIRST_STEP)
            bias = self._of(name).start(arm)
            if bias is not None:
                last.bias.copy_(bias)

    def forward(self, r: Tensor) -> Scores:
        """Scores of every arm, in fp32 also under autocast."""
        with torch.autocast(r.device.type, enabled=False):
            r = r.float() if r.dtype in (torch.bfloat16, torch.float16) else r
            return Scores({n: torch.stack([mlp(r) for mlp in self._arms_of(n)], dim=1) for n in self.weights})

    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        """Weighted sum of the endpoints' losses; the parts are unweighted."""
        with torch.autocast(outcomes.arm.device.type, enabled=False):
            scores, outcomes = whole_batch(scores, outcomes)
            parts = {name: self._of(name).loss(scores.by_endpoint[name], outcomes) for name in self.weights}
            weights = dict(self.weights)
            for name, ranking in self.ranking.items():
                parts[f"{name}-ranking"] = self._of(name).ranking_loss(scores.by_endpoint[name], outcomes)
                weights[f"{name}-ranking"] = self.weights[name] * ranking
            if (agreement := self.config.penalty) is not None:
                parts["agreement"] = self._agreement(agreement, scores, outcomes)
                weights["agreement"] = agreement.weight
            if self.training and self.config.arm_shrinkage:
                parts["arm-shrinkage"], weights["arm-shrinkage"] = self._distance_of_arms(), self.config.arm_shrinkage
            total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return Losses(total, {name: part.detach() for name, part in parts.items()})

    def _distance_of_arms(self) -> Tensor:
        """Squared distance of the arms' weights from their mean, summed over layers; free are the last biases."""
        found = []
        for name in self.weights:
            layers = zip(*(_weights(mlp) for mlp in self._arms_of(name)), strict=True)
            found += [(torch.stack(arms) - torch.stack(arms).mean(0)).square().sum() for arms in layers]
        return torch.stack(found).sum()

    def _agreement(self, config: AgreementConfig, scores: Scores, outcomes: Outcomes) -> Tensor:
        """Mean disagreement of the two endpoints under the arm received, over patients and edges."""
        rows = factual_rows(outcomes, self.outcomes.index(config.survival))
        death, local = (
            rows.of(self._hazards_of(name).incidence(scores.by_endpoint[name]))
            for name in (config.survival, config.local)
        )
        off = disagreement(1 - death[:, 0], 1 - local[:, 0], local[:, 1])[:, 1:]
        return off.sum() / max(off.numel(), 1)

    def risk(self, scores: Scores) -> Tensor:
        """(B, A, E) of the cohort's endpoints in order; NaN for one that this head does not model."""
        first = next(iter(scores.by_endpoint.values()))
        unknown = torch.full(first.shape[:2], torch.nan, device=first.device)
        risks = [
            self._of(e.name).risk(scores.by_endpoint[e.name]) if e.name in self.weights else unknown
            for e in self.outcomes.endpoints
        ]
        return torch.stack(risks, dim=-1)

    def finish(self, scores: Scores, outcomes: Outcomes, split: tuple[Split, ...]) -> None:
        """Recalibrate each endpoint's model; say where two endpoints that should agree do not."""
        with torch.no_grad():
            for name in self.weights:
                self._of(name).finish(scores.by_endpoint[name], outcomes, split)
            if (pair := self.config.penalty) is not None:
                share = share_disagreeing(self.predict(scores), pair.survival, pair.local)
                text = "%s and %s contradict each other by more than %g in %.1f %% of all figures after training."
                log.info(text, pair.survival, pair.local, TOLERANCE, 100 * share)

    def predict(self, scores: Scores) -> Prognosis:
        """The prognosis under all arms; NaN beyond an arm's follow-up, the arm's curve where it is not personal."""
        grid = torch.as_tensor(self.grid.edges, dtype=torch.float64)
        own = Prognosis(grid, {name: self._of(name).predict(scores.by_endpoint[name]) for name in self.weights})
        return with_arm_curves(own, {name: self._of(name).arm_curves.curves for name in self.weights})


def _key(endpoint: str) -> str:
    """A name that `ModuleDict` takes, whatever the endpoint is called: it refuses dots.

    Names without a dot and a percent sign stand in it as they are, so that weights of older runs fit.
    """
    return "endpoint-" + endpoint.replace("%", "%25").replace(".", "%2E")


def _weights(mlp: nn.Sequential) -> list[Tensor]:
    """What arms may have in common: all but the last layer's bias, where the arm's curve stands."""
    curve = mlp[-1].bias
    return [parameter for parameter in mlp.parameters() if parameter is not curve]


def _mlp(config: TaskConfig, dim: int, model: EndpointModel) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in config.hidden:
        layers += [nn.Linear(dim, width), nn.GELU(), nn.Dropout(config.dropout)]
        dim = width
    return nn.Sequential(*layers, nn.Linear(dim, model.size, bias=model.bias))
