"""Claims: every published figure as a row that reproduces, refutes, or says why it cannot be tested here.

::

    claims.yaml ──▶ claims and trials ──prepare, run what can be had──▶ results ──gather──▶ Evidence ──decide──▶ verdict

========  ====================================================================================
printed   a figure as it stands in print: its value, its precision, its unit
words     the frozen values: a claim, its figures, the evidence, the verdict
verdict   pure: evidence and printed figure -> verdict and reason
file      the claims file, checked
measures  what a finished trial says of a figure, by the name of its measure
gather    all trials of a figure -> its evidence, or what is missing
setup     how a trial differs from what the source says it ran
examples  texts scored one by one, as ``rerankbench score`` does
run       a claims file from its trials to its rows
table     pure: claims.csv
========  ====================================================================================
"""

from __future__ import annotations

from pathlib import Path


def is_claims(config: Path) -> bool:
    """Whether a config is a claims file: its top level has the key ``claims``. An unreadable file is not."""
    from bench.reading import top_keys

    return "claims" in top_keys(config)
