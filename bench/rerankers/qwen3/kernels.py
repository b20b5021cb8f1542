"""Which attention a device runs, and the proof that it computes what it should before it scores anything.

========= ==================================================================================================
loop      span by span, for a CPU
padded    torch's plain attention over spans filled up to one length: MPS, fp32 on CUDA, and where others fail
varlen    torch's flash attention over sequences of any length: CUDA in fp16 and bf16
flash     the same of the package flash-attn, where it is installed
========= ==================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.machine.device import torch_dtype
from bench.rerankers.qwen3.attention import Attention, Layout, lay_out
from bench.rerankers.qwen3.attention_loop import Loop
from bench.rerankers.qwen3.attention_whole import Padded, Varlen
from bench.rerankers.qwen3.packing import CARRIED, SYSTEM, Pack, Span
from bench.types import ConfigError, DeviceError

ATTENTIONS = ("auto", "loop", "padded", "varlen", "flash")
TOLERANCE = {"fp32": 1e-4, "fp16": 5e-3, "bf16": 4e-2}
"""Of a probe's output, whose values lie around 1, against the same in fp32 on a CPU."""

MakeAttention = Callable[[Layout], Attention]


def choose_attention(asked: str, device: str, dtype: str, heads: tuple[int, int, int]) -> tuple[str, MakeAttention]:
    """The kernel's name and what makes it for a layout. ``heads``: query heads, key heads and their width.

    ``auto`` takes the fastest kind that passes the probe. Raises ConfigError for an unknown name, DeviceError for a
    kernel asked for by name that cannot run here or fails the probe.
    """
    if asked not in ATTENTIONS:
        raise ConfigError(f"unknown attention {asked!r}; known: {', '.join(ATTENTIONS)}")
    kind = device.partition(":")[0]
    usual = {"cpu": ("loop",), "cuda": ("varlen", "padded") if dtype != "fp32" else ("padded",)}.get(kind, ("padded",))
    problems = []
    for name in usual if asked == "auto" else (asked,):
        try:
            make = _maker(name, device)
            difference = probe(make, device, dtype, heads)
        except (ImportError, RuntimeError, NotImplementedError, ValueError) as error:
            problems.append(f"{name}: {type(error).__name__}: {str(error).partition('. ')[0][:120]}")
            continue
        if difference <= TOLERANCE[dtype]:
            return name, make
        problems.append(f"{name}: its output is off by {difference:.1g}, more than {TOLERANCE[dtype]:g}")
    raise DeviceError(
        f"attention {asked!r} cannot be used on {device} in {dtype} ({'; '.join(problems)}); "
        f"set attention to one of {', '.join(ATTENTIONS)}, or engine: transformers"
    )


def probe(make: MakeAttention, device: str, dtype: str, heads: tuple[int, int, int]) -> float:
    """Largest difference from ``Loop`` in fp32, over a pack with a carried head, two heads of its own and documents."""
    import torch

    query_heads, key_heads, width = heads
    spans = ((5, CARRIED, 0), (3, SYSTEM, None), (7, CARRIED + 1, 1), (1, CARRIED + 1, 2), (130, SYSTEM, None),
             (140, CARRIED + 2, 3))  # fmt: skip
    pack = Pack(tuple(Span((0,) * size, parent, document) for size, parent, document in spans))
    layout = lay_out(pack, (6, 9))
    generator = torch.Generator().manual_seed(0)

    def random(rows: int, count: int) -> Any:
        return torch.randn(rows, count, width, generator=generator)

    queries, keys, values = (random(pack.tokens, count) for count in (query_heads, key_heads, key_heads))
    prefixes = [(random(rows, key_heads), random(rows, key_heads)) for rows in layout.prefix_lengths[:2]]

    def there(tensor: Any) -> Any:
        return tensor.to(device=device, dtype=torch_dtype(dtype))

    worst = 0.0
    for last in (False, True):
        asked = queries[list(layout.last_rows)] if last else queries
        exact = Loop(layout)(asked, keys, values, prefixes, last)
        behind = [(there(one), there(other)) for one, other in prefixes]
        found = make(layout)(there(asked), there(keys), there(values), behind, last)
        worst = max(worst, float((found.float().cpu() - exact).abs().max()))
    return worst


def _maker(name: str, device: str) -> MakeAttention:
    if name == "loop":
        return Loop
    if name == "padded":
        return lambda layout: Padded(layout, device)
    kernel = _torch_varlen() if name == "varlen" else _flash_varlen()
    return lambda layout: Varlen(layout, device, kernel)


def _torch_varlen() -> Callable[..., Any]:
    from torch.nn.attention.varlen import varlen_attn

    def attend(queries: Any, keys: Any, values: Any, *lengths: Any) -> Any:
        return varlen_attn(queries, keys, values, *lengths, window_size=(-1, 0), enable_gqa=True)

    return attend


def _flash_varlen() -> Callable[..., Any]:
    from flash_attn import flash_attn_varlen_func

    def attend(queries: Any, keys: Any, values: Any, *lengths: Any) -> Any:
        return flash_attn_varlen_func(queries, keys, values, *lengths, causal=True)

    return attend
