"""Engine ``packed``: the exact and fast scorer of Qwen3 rerankers.

In the order of imports: ``shape`` says which models it serves, ``packing`` which tokens go together, ``matmul`` how a
weight is multiplied by, ``weights`` takes a loaded model over, ``attention`` and ``layers`` are the model's arithmetic,
``engine`` is the reranker.
"""

from __future__ import annotations

from bench.rerankers.qwen3.engine import Qwen3Reranker

__all__ = ["Qwen3Reranker"]
