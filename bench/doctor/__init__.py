"""Proves an engine before a study trusts it: each known way to score wrongly is a check with a measured figure.

``examine`` runs the checks of ``CHECKS`` on a ``Patient``, which is one set-up (a model, an engine, a device, a number
format). The engine is compared with itself under other batches, orders and lengths, and with an oracle of its own kind:
plain transformers, one pair at a time, fp32, no padding, the logits of the whole vocabulary, prompts tokenised from the
published text. The oracle shares no code with the engines.
"""

from __future__ import annotations

from bench.doctor.findings import Finding
from bench.doctor.patient import Patient
from bench.doctor.run import CHECKS, Examined, distinct_setups, examine, resolve

__all__ = ["CHECKS", "Examined", "Finding", "Patient", "distinct_setups", "examine", "resolve"]
