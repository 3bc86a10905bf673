"""State dicts of other ResNets, fitted to a 3D ResNet of one channel: kernels inflated, channels summed.

Known forms: torchvision's and timm's names (`layer1.0.conv1.weight`), MedicalNet's (the same behind `module.`), and our
own, of another run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from mmcare.components import Adapted
from mmcare.errors import Finding, Severity, SpecError

__all__ = ["adapt", "inflated"]

_FIRST = ("stages.0.0.conv1.weight", "layer1.0.conv1.weight")
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What was done with one tensor of the encoder, `None` standing for a shape that does not fit."""

    tensor: Tensor | None
    is_inflated: bool = False
    is_summed: bool = False


def adapt(own: Mapping[str, Tensor], given: Mapping[str, Tensor], *, frozen: bool = False) -> Adapted:
    """Tensors for all of an encoder's names: from `given` where one fits, else the encoder's own.

    Args:
        own: The encoder's state dict.
        given: A state dict of a ResNet, in two dimensions or three.
        frozen: Whether what starts at random stays so, which is worth a warning.

    Raises:
        SpecError: Not one tensor fits; names some on both sides.
    """
    sources = _sources(own, given)
    fitted = {name: _fit(given[source], own[name]) for name, source in sources.items()}
    taken = {name: found.tensor for name, found in fitted.items() if found.tensor is not None}
    if not [name for name in taken if _COUNTER not in name]:
        raise SpecError(_nothing(own, given))
    findings = [
        _matched(own, taken, set(given) - set(sources.values()), frozen),
        *_other_shapes(own, given, {name: sources[name] for name, found in fitted.items() if found.tensor is None}),
        *_inflations([name for name, found in fitted.items() if found.is_inflated]),
        *_sums([sources[name] for name, found in fitted.items() if found.is_summed]),
    ]
    return Adapted({**own, **taken}, tuple(findings))


def inflated(kernel: Tensor, depth: int) -> Tensor:
    """A kernel (O, I, H, W) as one of three dimensions, (O, I, H, W, depth).

    It answers a volume that does not change along the last axis (feet to head, across the slices) as the flat one
    answers a slice: repeated along that axis, and divided by its length.

    Source: Carreira and Zisserman 2017, 10.1109/CVPR.2017.502, section 2.4.
    """
    return kernel[..., None].expand(*kernel.shape, depth) / depth


def _sources(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Mapping[str, str]:
    """For each of the encoder's names, the name in `given` that stands for it, if any does."""
    prefix = _prefix(given)
    candidates = {name: (prefix + name, prefix + _published_name(name)) for name in own}
    return {
        name: next(source for source in names if source in given)
        for name, names in candidates.items()
        if any(source in given for source in names)
    }


def _prefix(given: Mapping[str, Tensor]) -> str:
    """What stands before the names of a ResNet (`module.`), by the first block, which every one has."""
    for first in _FIRST:
        for name in given:
            if name == first or name.endswith(f".{first}"):
                return name.removesuffix(first)
    return ""


def _published_name(own: str) -> str:
    """`stem.0.weight` -> `conv1.weight`, `stages.2.1.bn1.bias` -> `layer3.1.bn1.bias`; the rest as it is."""
    match own.split("."):
        case ["stem", "0", *rest]:
            return ".".join(["conv1", *rest])
        case ["stem", "1", *rest]:
            return ".".join(["bn1", *rest])
        case ["stages", stage, block, "se", "0", *rest]:  # attention over channels, which the spatial one follows
            return ".".join([f"layer{int(stage) + 1}", block, "se", *rest])
        case ["stages", stage, *rest]:
            return ".".join([f"layer{int(stage) + 1}", *rest])
    return own


def _fit(given: Tensor, own: Tensor) -> _Fitted:
    """A tensor brought to the shape of the encoder's."""
    flat = given.ndim == 4 and own.ndim == 5
    kernel = inflated(given.float(), own.shape[-1]) if flat else given
    coloured = kernel.ndim == 5 and kernel.shape[1] == 3 and own.shape[1:2] == (1,)
    kernel = kernel.float().sum(1, keepdim=True) if coloured else kernel  # as if all three channels showed the CT
    return _Fitted(kernel if kernel.shape == own.shape else None, flat, coloured)


def _matched(own: Mapping[str, Tensor], taken: Mapping[str, Tensor], unused: set[str], frozen: bool) -> Finding:
    """How many tensors are taken, which start at random, which of the file are not used."""
    named = [name for name in own if _COUNTER not in name]
    fresh = [name for name in named if name not in taken]
    left = sorted(name for name in unused if _COUNTER not in name)
    what = f"{len(named) - len(fresh)} of the encoder's {len(named)} tensors are taken from the weights"
    what += f"; {_count(fresh, 'starts', 'start')} at random ({_some(fresh)})" if fresh else ""
    what += f"; {_count(left, 'of the file is', 'of the file are')} not used ({_some(left)})" if left else ""
    if not (fresh and frozen):
        return Finding(what=f"{what}.", severity=Severity.NOTE, code="weights")
    todo = "`freeze: true` keeps them at random: write `freeze: false`."
    return Finding(what=f"{what}.", todo=todo, severity=Severity.WARNING, code="weights")


def _other_shapes(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], unfit: Mapping[str, str]
) -> Sequence[Finding]:
    if not unfit:
        return []
    shapes = [f"{name} {tuple(own[name].shape)}, found {tuple(given[source].shape)}" for name, source in unfit.items()]
    what = f"{_count(shapes, 'tensor is', 'tensors are')} of another shape, left at random: {_some(shapes, '; ')}."
    return [Finding(what=what, severity=Severity.WARNING, code="weights")]


def _inflations(names: Sequence[str]) -> Sequence[Finding]:
    if not names:
        return []
    count = _count(names, "kernel of two dimensions was", "kernels of two dimensions were")
    what = f"{count} inflated: repeated across the slices and divided by the depth."
    return [Finding(what=what, severity=Severity.NOTE, code="weights")]


def _sums(names: Sequence[str]) -> Sequence[Finding]:
    what = "the three input channels of {} were summed to one."
    return [Finding(what=what.format(name), severity=Severity.NOTE, code="weights") for name in names]


def _nothing(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Finding:
    here = [_published_name(name) for name in own if name.startswith(("stem", "stages")) and _COUNTER not in name]
    what = (
        f"none of the file's {len(given)} tensors fits the encoder: it has names such as {_some(list(given))}, "
        f"the encoder's backbone {_some(here)}."
    )
    todo = "Name weights of this `backbone`, or change it."
    return Finding(what=what, todo=todo, code="weights")


def _count(names: Sequence[str], one: str, more: str) -> str:
    return f"one {one}" if len(names) == 1 else f"{len(names)} {more}"


def _some(names: Sequence[str], between: str = ", ") -> str:
    return between.join(names[:3]) + (f"{between}…" if len(names) > 3 else "")
