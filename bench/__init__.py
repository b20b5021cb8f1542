"""RerankBench: judge two-stage retrieval by its quality and its cost, in the same row."""

__version__ = "0.1.0"

SCORING = 1
"""Counts up whenever the same files would get other scores or another ranking from this package's own code: prompts,
templates, engines, words for BM25, the order of ties. It is among the inputs of every result and in the name of every
kept vector, so that nothing of before is taken for something of now. A test holds scores to this number."""
