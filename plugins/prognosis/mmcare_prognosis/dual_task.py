"""The dual-task head: an MLP an arm and endpoint on the shared representation (Eq. 16-18)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmcare.components import Head, Losses, OutcomeLayout, Outcomes, Prognosis, Scores, Split
from mmcare.errors import Finding, SpecError
from mmcare.survival import IntervalGrid
from mmcare_prognosis.endpoint_models import CompetingRisk, CoxHazard, DiscreteHazard, EndpointModel
from mmcare_prognosis.plugin import DualTaskConfig, EndpointConfig

__all__ = ["DualTask"]

_MODELS: Mapping[str, type[EndpointModel]] = {
    "discrete": DiscreteHazard,
    "cox": CoxHazard,
    "competing-risk": CompetingRisk,
}
_FIRST_STEP = 0.1
"""The last layer's weights are scaled by this, so that training starts near the arm's curve."""


class DualTask(Head[DualTaskConfig]):
    """Per arm and endpoint an MLP on R; L = sum of weight * loss, factual (Eq. 18).

    Shapes: R (B, D) -> scores (B, A, S) an endpoint, S the endpoint model's affair.

    Args:
        config: Keys of the spec.
        dim: D.
        outcomes: Arms and endpoints.

    Raises:
        SpecError: An endpoint is none of the cohort's, or its model does not fit it.
    """

    def __init__(self, config: DualTaskConfig, dim: int, outcomes: OutcomeLayout) -> None:
        super().__init__(config, dim, outcomes)
        chosen = config.endpoints or {endpoint.name: EndpointConfig() for endpoint in outcomes.endpoints}
        self.grid = IntervalGrid.of_horizons(outcomes.horizons)
        self.weights = {name: entry.weight for name, entry in chosen.items()}
        self.models = nn.ModuleDict({f"endpoint-{name}": self._model(name, entry) for name, entry in chosen.items()})
        self.mlps = nn.ModuleDict(
            {
                f"endpoint-{name}": nn.ModuleList(_mlp(config, dim, self._of(name)) for _ in outcomes.arms)
                for name in chosen
            }
        )

    def _of(self, name: str) -> EndpointModel:
        return self.models[f"endpoint-{name}"]  # type: ignore[return-value]

    def _model(self, name: str, entry: EndpointConfig) -> EndpointModel:
        layout = self.outcomes
        if name not in {endpoint.name for endpoint in layout.endpoints}:
            has = ", ".join(endpoint.name for endpoint in layout.endpoints)
            raise SpecError(Finding(key=f"head.endpoints.{name}", what=f"the cohort has no such endpoint; it has: {has}."))
        endpoint = layout.endpoint(name)
        model = entry.model or ("competing-risk" if endpoint.competing else "discrete")
        if (model == "competing-risk") != endpoint.competing:
            fits = "competing-risk" if endpoint.competing else "discrete or cox"
            how = "can be preceded by a competing event" if endpoint.competing else "has no competing event"
            what = f"`{model}` does not fit: in this cohort `{name}` {how}."
            raise SpecError(Finding(key=f"head.endpoints.{name}.model", what=what, todo=f"Write `model: {fits}`."))
        return _MODELS[model](len(layout.arms), self.grid, endpoint, layout.index(name))

    def fit(self, outcomes: Outcomes) -> None:
        """Intervals and curves from the training outcomes; every MLP starts at its arm's curve."""
        with torch.no_grad():
            for name in self.weights:
                model = self._of(name)
                model.fit(outcomes)
                for arm, mlp in enumerate(self.mlps[f"endpoint-{name}"]):  # type: ignore[arg-type]
                    last: nn.Linear = mlp[-1]
                    last.weight.mul_(_FIRST_STEP)
                    start = model.start(arm)
                    if start is not None:
                        last.bias.copy_(start)

    def forward(self, r: Tensor) -> Scores:
        """Scores of every arm, in fp32."""
        with torch.autocast(r.device.type, enabled=False):
            r = r.float() if r.dtype in (torch.bfloat16, torch.float16) else r
            return Scores(
                {
                    name: torch.stack([mlp(r) for mlp in self.mlps[f"endpoint-{name}"]], dim=1)  # type: ignore[union-attr]
                    for name in self.weights
                }
            )

    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        """Weighted sum of the endpoints' losses; the parts are unweighted."""
        with torch.autocast(outcomes.arm.device.type, enabled=False):
            parts = {name: self._of(name).loss(scores.by_endpoint[name], outcomes) for name in self.weights}
        total = torch.stack([self.weights[name] * part for name, part in parts.items()]).sum()
        return Losses(total, {name: part.detach() for name, part in parts.items()})

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
        """Recalibrate each endpoint's model."""
        with torch.no_grad():
            for name in self.weights:
                self._of(name).finish(scores.by_endpoint[name], outcomes, split)

    def predict(self, scores: Scores) -> Prognosis:
        """The prognosis under all arms."""
        grid = torch.as_tensor(self.grid.edges, dtype=torch.float64)
        return Prognosis(grid, {name: self._of(name).predict(scores.by_endpoint[name]) for name in self.weights})


def _mlp(config: DualTaskConfig, dim: int, model: EndpointModel) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in config.hidden:
        layers += [nn.Linear(dim, width), nn.GELU(), nn.Dropout(config.dropout)]
        dim = width
    return nn.Sequential(*layers, nn.Linear(dim, model.size, bias=model.bias))
