"""A whole study as it is kept (``ab.json``) and reported."""

from __future__ import annotations

from dataclasses import dataclass

from bench.calibration.words import ArmCalibration
from bench.study.examples import Example
from bench.study.slices import Slice
from bench.study.words import Across, Arm, ArmCost, Conclusion, Contrast, Planned


@dataclass(frozen=True, slots=True)
class Study:
    """``measures`` are compared, the first of them chooses. ``examples`` and ``slices`` are of dev queries alone.

    What is read one by one is no test any more, so that single test queries are in no report.
    """

    name: str
    baseline: str
    measures: tuple[str, ...]
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    planned: tuple[Planned, ...] = ()
    across: tuple[Across, ...] = ()
    examples: tuple[Example, ...] = ()
    slices: tuple[Slice, ...] = ()
    calibrations: tuple[ArmCalibration, ...] = ()
    costs: tuple[ArmCost, ...] = ()
    notes: tuple[str, ...] = ()
