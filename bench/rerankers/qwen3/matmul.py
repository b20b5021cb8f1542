"""One weight matrix and the ways to multiply by it.

``Prepacked`` is oneDNN's: the matrix is put into the kernel's own order once, at loading, and the step that follows the
product (SiLU, times, plus) is done while its values are still in registers. On a CPU with AVX-512 from AMD it is over
twice as fast as ``mm``, which is MKL's there; on Intel about a tenth. ``Plain`` is everything else's: CUDA, MPS,
quantised weights, and builds of torch without oneDNN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Matmul(Protocol):
    """Times ``weight.T``: [T, in] -> [T, out]. ``plus`` adds ``other`` [T, out] and gives its format."""

    def __call__(self, x: Any) -> Any: ...
    def plus(self, x: Any, other: Any) -> Any: ...


class Plain:
    def __init__(self, weight: Any) -> None:
        self.weight = weight

    def __call__(self, x: Any) -> Any:
        import torch

        return torch.nn.functional.linear(x, self.weight)

    def plus(self, x: Any, other: Any) -> Any:
        return self(x) + other


class Prepacked:
    def __init__(self, weight: Any) -> None:
        import torch

        self._ops = torch.ops.mkldnn
        self.weight = self._ops._reorder_linear_weight(weight.contiguous(), None)

    def __call__(self, x: Any) -> Any:
        return self._ops._linear_pointwise(x, self.weight, None, "none", [], "")

    def silu(self, x: Any) -> Any:
        return self._ops._linear_pointwise(x, self.weight, None, "swish", [], "")

    def times(self, x: Any, other: Any) -> Any:
        return self._ops._linear_pointwise.binary(x, other, self.weight, None, "mul")

    def plus(self, x: Any, other: Any) -> Any:
        if other.dtype != x.dtype:
            return self(x) + other
        return self._ops._linear_pointwise.binary(x, other, self.weight, None, "add")


def gated(gate: Matmul, up: Matmul, x: Any, multiply: Callable[[Any, Any], Any]) -> Any:
    """SiLU of ``gate(x)``, times ``up(x)``; ``multiply`` does both where the products cannot."""
    if isinstance(gate, Prepacked) and isinstance(up, Prepacked):
        return up.times(x, gate.silu(x))
    return multiply(gate(x), up(x))


def can_prepack(device: str, dtype: Any) -> bool:
    """Whether torch has oneDNN's prepacked products for this device and number format (a torch.dtype)."""
    import torch

    if device != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        weight = torch.eye(16, dtype=dtype)
        return bool(torch.equal(Prepacked(weight)(weight), weight))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
