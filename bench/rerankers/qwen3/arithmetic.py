"""What lies between the products: norms, rotation, the gate. On CUDA compiled into one kernel each, else plain torch.

Left to itself each of them reads and writes its tensors several times over, which on a GPU takes as long as the
products do. Compiling needs Triton, which comes with torch for CUDA; it takes some seconds at the first scores.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple


class Arithmetic(NamedTuple):
    """``normalise(x, weight, eps, dtype)``, ``heads(projected, norm, rotation, eps)`` and ``gate(gated, up)``."""

    normalise: Callable[..., Any]
    heads: Callable[..., Any]
    gate: Callable[..., Any]


def arithmetic(device: str) -> Arithmetic:
    """The functions for a device."""
    if device.startswith("cuda") and importlib.util.find_spec("triton"):
        return compiled()
    return Arithmetic(normalise, heads_on_cpu if device == "cpu" else heads, gate)


def compiled() -> Arithmetic:
    """Each function as one kernel, for tensors of any number of rows."""
    import torch

    return Arithmetic(*(torch.compile(function, dynamic=True) for function in (normalise, heads, gate)))


def normalise(x: Any, weight: Any, eps: float, dtype: Any) -> Any:
    """``x`` over the root of its mean square, [..., H] in fp32, times ``weight`` where it is not folded elsewhere."""
    import torch

    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scaled = x * torch.rsqrt(length * length / x.shape[-1] + eps)
    return (scaled if weight is None else scaled * weight).to(dtype)


def heads(projected: Any, norm: Any, rotation: Any, eps: float) -> Any:
    """[T, heads * d] -> [T, heads, d]: each head normalised and turned in fp32, then in the products' format.

    Neighbouring coordinates are the plane to turn; ``rotation`` [T, d / 2, 2] holds cosines and sines.
    """
    import torch

    x = normalise(projected.unflatten(-1, (-1, norm.shape[0])).float(), norm, eps, torch.float32)
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    cosine, sine = rotation[:, None, :, 0], rotation[:, None, :, 1]
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(-2).to(projected.dtype)


def heads_on_cpu(projected: Any, norm: Any, rotation: Any, eps: float) -> Any:
    """``heads`` with the turn as one product of complex numbers in place: one pass over the memory, not eight."""
    import torch

    x = normalise(projected.unflatten(-1, (-1, norm.shape[0])).float(), norm, eps, torch.float32)
    torch.view_as_complex(x.unflatten(-1, (-1, 2))).mul_(torch.view_as_complex(rotation)[:, None])
    return x.to(projected.dtype)


def gate(gated: Any, up: Any) -> Any:
    """SiLU of ``gated``, times ``up``."""
    import torch

    return torch.nn.functional.silu(gated) * up
