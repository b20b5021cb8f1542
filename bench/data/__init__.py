"""Labelled sets: reading them, and saying what is wrong with them. Files are in the BEIR layout."""

from bench.data.beir import load_dataset, splits
from bench.data.check import Counts, SplitReport, check_dataset

__all__ = ["Counts", "SplitReport", "check_dataset", "load_dataset", "splits"]
