"""Assertions that several checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import safetensors.torch
import torch
from torch import Tensor, nn

from mmcare.components import Prognosis

__all__ = ["assert_every_parameter_learns", "assert_same_after_loading", "flat", "no_dropout_difference"]


def assert_every_parameter_learns(module: nn.Module, loss: Callable[[], Tensor]) -> None:
    """After `loss().backward()` every trainable parameter has a finite gradient that is not all zero.

    Parameters that start at zero, such as the gate of a residual branch, are moved first: behind a closed gate nothing
    learns in the first step, and that is meant.
    """
    with torch.no_grad():
        for parameter in module.parameters():
            if not bool(parameter.any()):
                parameter.normal_(std=0.1)
    loss().backward()
    trainable = [(name, p.grad) for name, p in module.named_parameters() if p.requires_grad]
    without = [name for name, grad in trainable if grad is None]
    assert not without, f"no gradient reaches {', '.join(without[:5])}"
    grads = {name: grad for name, grad in trainable if grad is not None}
    wrong = [name for name, grad in grads.items() if not bool(grad.isfinite().all())]
    assert not wrong, f"the gradient is not finite in {', '.join(wrong[:5])}"
    dead = [name for name, grad in grads.items() if not bool(grad.any())]
    assert not dead, f"a gradient of zero everywhere in {', '.join(dead[:5])}"


def assert_same_after_loading(module: nn.Module, other: nn.Module, output: Callable[[nn.Module], Tensor]) -> None:
    """`other` gives the same output once it holds the module's state, carried through safetensors."""
    stored = safetensors.torch.save({k: v.detach().contiguous() for k, v in module.state_dict().items()})
    other.load_state_dict(safetensors.torch.load(stored))
    module.eval(), other.eval()
    with torch.no_grad():
        torch.testing.assert_close(output(other), output(module), equal_nan=True)


@contextmanager
def no_dropout_difference(module: nn.Module) -> Iterator[None]:
    """Within: dropout is off, everything else as in training."""
    drops = [m for m in module.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.training]
    for drop in drops:
        drop.eval()
    try:
        yield
    finally:
        for drop in drops:
            drop.train()


def flat(prognosis: Prognosis) -> Tensor:
    """All probabilities at horizons in one row, for comparisons."""
    return torch.cat([endpoint.at_horizons.flatten() for endpoint in prognosis.endpoints.values()])
