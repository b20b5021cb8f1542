"""Calibration: whether a reranker's score of 0.94 means that 94 of 100 such documents are relevant.

::

    Run, Qrels, unit ──pairs_of──▶ Pairs ──▶ Reliability, table of thresholds, temperature ──calibrate──▶ ArmCalibration

===========  =======================================================================================
words        the frozen values: bins, their reliability, thresholds, a temperature, all of one arm
pairs        the scored pairs that are judged, as arrays: logit, probability, label, query
resample     bootstrap intervals of many figures at once, queries being resampled
reliability  bins of scores, how far they are off, and how far off chance alone would put them
thresholds   precision and recall at a score, and the score that reaches a wanted precision
temperature  the one number that logits are divided by, fitted on dev
arm          all of it for one arm on one set: fitted and chosen on dev, told on test
===========  =======================================================================================

Everything is pure and seeded.
"""

from __future__ import annotations

from bench.calibration.arm import calibrate

__all__ = ["calibrate"]
