"""Labelled sets: reading them, and saying what is wrong with them. Files are in the BEIR layout."""

from bench.data.beir import load_dataset, splits
from bench.data.check import Counts, SplitReport, check_dataset
from bench.data.corpus import contents_of, ids_of

__all__ = ["Counts", "SplitReport", "check_dataset", "contents_of", "ids_of", "load_dataset", "splits"]
