"""Weights of 8 or 4 bits, by torchao. Smaller, sometimes faster, never exact: the report's quality says what they cost.

============ ==========================================================================================
int8         8-bit weights, turned back into ``dtype`` in each product
int4         4-bit weights in groups of 32, likewise; on a CPU in bf16 alone
int8-dynamic 8-bit weights, activations rounded to 8 bits row by row, the product in integers
============ ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from bench.types import ConfigError, DeviceError, Quantisation

GROUP = 32
"""Weights along the input that share one scale at 4 bits."""


def quantiser(kind: str, device: str, dtype: str) -> Callable[[Any], Any]:
    """What turns a weight [out, in] into its quantised form, which ``torch.nn.functional.linear`` takes.

    Raises ConfigError for an unknown kind or without torchao, DeviceError for a combination that has no kernel.
    """
    if kind not in get_args(Quantisation):
        raise ConfigError(f"unknown quantisation {kind!r}; known: {', '.join(get_args(Quantisation))}")
    if kind == "int4" and device == "cpu" and dtype != "bf16":
        raise DeviceError(f"quantisation int4 has no usable kernel on a CPU in {dtype}; set dtype: bf16")
    try:
        config = _config(kind, device)
    except ImportError as error:
        raise ConfigError(
            f"quantisation {kind!r} needs torchao ({error}); install it with pip install 'rerankbench[quantisation]'"
        ) from error
    return lambda weight: _quantised(weight, config)


def _config(kind: str, device: str) -> Any:
    from torchao import quantization

    if kind == "int8":
        return quantization.Int8WeightOnlyConfig()
    if kind == "int8-dynamic":
        return quantization.Int8DynamicActivationInt8WeightConfig()
    if device != "cpu":
        return quantization.Int4WeightOnlyConfig(group_size=GROUP)
    from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig

    return PrototypeInt4WeightOnlyConfig(group_size=GROUP, set_inductor_config=False)


def _quantised(weight: Any, config: Any) -> Any:
    import torch
    from torchao.quantization import quantize_

    module = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    module.weight = torch.nn.Parameter(weight.contiguous(), requires_grad=False)
    try:
        quantize_(module, config)
    except (ImportError, AssertionError) as error:
        raise DeviceError(f"torchao cannot quantise for this machine: {error}") from error
    return module.weight.data
