"""The highest rate of the matrix product over a model's own shapes, by every way that torch offers.

    mm          ``torch.mm``: MKL, cuBLAS or Accelerate, whatever this build of torch calls
    prepacked   oneDNN on a weight in its own order; on an AMD CPU over twice as fast as MKL

One layer's four products are timed at several numbers of rows (tokens at once); a rate is the layer's operations over
the sum of each product's fastest time. The peak is the fastest way at its best number of rows: what an engine could
reach if it did nothing but multiply.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.machine.device import synchroniser, torch_dtype
from bench.machine.flops import ModelShape

ROWS = {"cpu": (512, 2048), "mps": (4096,), "cuda": (8192, 16384)}
"""Tokens at once, by kind of device."""
REPEATS = 3
AT_LEAST_S = 0.1
"""Each product is repeated until both are reached, after one that is not counted."""


@dataclass(frozen=True, slots=True)
class PeakSample:
    """One layer's matrix products by one way, ``rows`` tokens at once, each product's fastest time added up."""

    way: str
    dtype: str
    rows: int
    operations: int
    seconds: float

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds


def measure_peak(shape: ModelShape, dtype: str, device: str) -> list[PeakSample]:
    """One sample per way and number of rows; a way that this machine lacks has none."""
    import torch

    synchronise = synchroniser(device)
    samples = []
    for rows in ROWS[device.partition(":")[0]]:
        seconds: dict[str, float] = {}
        operations = 0
        for _, inputs, outputs in shape.products():
            x = torch.randn(rows, inputs, dtype=torch.float32).to(device, torch_dtype(dtype))
            weight = torch.randn(outputs, inputs, dtype=torch.float32).to(device, torch_dtype(dtype))
            operations += 2 * rows * inputs * outputs
            for way, multiply in _ways(x, weight):
                seconds[way] = seconds.get(way, 0.0) + _fastest(multiply, synchronise)
        samples += [PeakSample(way, dtype, rows, operations, took) for way, took in seconds.items()]
    return samples


def _ways(x: Any, weight: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    import torch

    turned = weight.t()
    yield "mm", lambda: torch.mm(x, turned)
    if x.device.type != "cpu":
        return
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        prepacked: Callable[[], Any] = lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")  # noqa: E731
        prepacked()
    except (AttributeError, RuntimeError, NotImplementedError):  # a build without it, or a format it does not take
        return
    yield "prepacked", prepacked


def _fastest(multiply: Callable[[], Any], synchronise: Callable[[], None]) -> float:
    import torch

    times: list[float] = []
    with torch.inference_mode():
        multiply()
        while len(times) < REPEATS or sum(times) < AT_LEAST_S:
            synchronise()
            start = time.perf_counter()
            multiply()
            synchronise()
            times.append(time.perf_counter() - start)
    return min(times)
