"""RerankBench: judge two-stage retrieval by its quality and its cost, in the same row."""

__version__ = "0.1.0"
