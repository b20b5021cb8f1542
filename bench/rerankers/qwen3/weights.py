"""A loaded model's weights as the packed engine multiplies by them: taken over layer by layer, each freed on the way.

Two changes that leave the scores what they are. The weight of each norm before a product is folded into the product's
matrix, so a norm is one division; in fp32 alone, for a half-precision matrix would be rounded twice. And the rows of
the query and key projections are put in the order in which a rotation's two coordinates lie side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.rerankers.qwen3.arithmetic import Arithmetic, arithmetic
from bench.rerankers.qwen3.matmul import Matmul


@dataclass(frozen=True, slots=True)
class Layer:
    """``norm_in`` and ``norm_mid`` are None where they are folded into the matrices behind them."""

    norm_in: Any
    query: Matmul
    key_value: Matmul
    query_norm: Any
    key_norm: Any
    output: Matmul
    norm_mid: Any
    gate: Matmul
    up: Matmul
    down: Matmul


@dataclass(frozen=True, slots=True)
class Shape:
    heads: int
    kv_heads: int
    head_dim: int
    eps: float


@dataclass(frozen=True, slots=True)
class Weights:
    """``embedding`` [V, H], one ``Layer`` each, ``direction`` [H] in fp32 with the last norm folded in, ``offset``.

    ``rotation(positions)`` gives cosine and sine, float32 [T, head_dim / 2, 2].
    """

    shape: Shape
    embedding: Any
    layers: tuple[Layer, ...]
    direction: Any
    offset: float
    rotation: Callable[[Any], Any]
    arithmetic: Arithmetic


def take_over(model: Any, answer: tuple[Any, float], matmul: Callable[[Any], Matmul], *, fold: bool) -> Weights:
    """The weights of a transformers Qwen3 model. The model is emptied on the way: it cannot be used afterwards."""
    import torch

    backbone, config = model.base_model, model.config
    shape = Shape(
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        eps=config.rms_norm_eps,
    )
    order = _side_by_side(shape.head_dim)
    layers = []
    with torch.no_grad():
        embedding = backbone.embed_tokens.weight.detach()
        for module in backbone.layers:
            layers.append(_layer(module, shape, order, matmul, fold=fold))
            module.to("meta")  # frees what has just been copied into the kernel's order
        direction, offset = answer
        direction = direction * backbone.norm.weight.detach().float()
    rotation = _Rotation(backbone.rotary_emb)
    functions = arithmetic(str(direction.device))
    return Weights(shape, embedding, tuple(layers), direction, offset, rotation, functions)


def _layer(module: Any, shape: Shape, order: Any, matmul: Callable[[Any], Matmul], *, fold: bool) -> Layer:
    import torch

    attention, mlp = module.self_attn, module.mlp
    norm_in = module.input_layernorm.weight.detach()
    norm_mid = module.post_attention_layernorm.weight.detach()

    def folded(weight: Any, norm: Any) -> Any:
        return weight * norm if fold else weight

    def rotated(weight: Any) -> Any:  # [heads * head_dim, H]
        return weight.view(-1, shape.head_dim, weight.shape[1])[:, order].reshape(weight.shape)

    key_value = torch.cat([rotated(attention.k_proj.weight), attention.v_proj.weight])
    return Layer(
        norm_in=None if fold else norm_in,
        query=matmul(folded(rotated(attention.q_proj.weight), norm_in)),
        key_value=matmul(folded(key_value, norm_in)),
        query_norm=attention.q_norm.weight.detach()[order].float(),
        key_norm=attention.k_norm.weight.detach()[order].float(),
        output=matmul(attention.o_proj.weight.detach()),
        norm_mid=None if fold else norm_mid,
        gate=matmul(folded(mlp.gate_proj.weight, norm_mid)),
        up=matmul(folded(mlp.up_proj.weight, norm_mid)),
        down=matmul(mlp.down_proj.weight.detach()),
    )


def _side_by_side(head_dim: int) -> Any:
    """Places 0, d/2, 1, d/2 + 1, …: the model rotates coordinate i with coordinate i + d/2."""
    import torch

    return torch.arange(head_dim).view(2, -1).t().reshape(-1)


class _Rotation:
    """Cosine and sine of the model's own rotary module, which knows every kind of scaling."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, positions: Any) -> Any:
        import torch

        like = torch.empty(0, device=positions.device, dtype=torch.float32)
        cosine, sine = self._module(like, positions[None])  # [1, T, head_dim], each half the same
        half = cosine.shape[-1] // 2
        return torch.stack([cosine[0, :, :half], sine[0, :, :half]], dim=-1)
