"""The labelled sets that a config names, checked as ``rerankbench datasets check`` does a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.config.plan import load_plan
from bench.data import SplitReport
from bench.sources import check_set
from bench.sources.spec import label
from bench.synthetic import is_drawn
from bench.types import ConfigError, DataError

CONFIGS = (".yaml", ".yml")


def is_config(name: str) -> bool:
    """Whether what is to be checked is a config, and not a set."""
    return name.endswith(CONFIGS)


def check_config(path: Path) -> tuple[SplitReport, ...]:
    """A report on every split of every set, each called by the set's name; a set that cannot be read is one too.

    Raises ConfigError for what is wrong with the config, and where it names no set.
    """
    plan = load_plan(path)
    asked: dict[str, str] = {}
    for trial in plan.trials:
        if not is_drawn(trial.dataset):
            asked.setdefault(trial.dataset, trial.split)
    if not asked:
        raise ConfigError(f"{path} names no labelled set; its pairs are drawn")
    return tuple(report for dataset, split in asked.items() for report in _reports(dataset, split, plan.base))


def _reports(dataset: str, split: str, base: Path) -> tuple[SplitReport, ...]:
    try:
        reports = check_set(dataset, base, split)
    except DataError as error:
        return (SplitReport(label(dataset), error=error),)
    return tuple(replace(report, split=f"{label(dataset)} {report.split}") for report in reports)
