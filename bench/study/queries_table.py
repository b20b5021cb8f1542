"""Pure: ``ab-queries.csv``, one row per query of every comparison, with what was known of the query before.

Values are unrounded, texts on one line and otherwise as they are, but for those that a spreadsheet would run (see
``bench.spreadsheet``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from bench.spreadsheet import csv_text
from bench.study.examples import Compared, one_line, outcome
from bench.study.features import Features

COLUMNS = (
    "dataset", "side", "split", "measure", "arm", "query", "text", "baseline_value", "value", "difference", "outcome"
)  # fmt: skip
FEATURE = "feature:"
"""Before a feature's name in the header, so that no field of the queries can be taken for a column."""

Row = Mapping[str, str | float]


def query_rows(compared: Compared, texts: Mapping[str, str], features: Features) -> list[Row]:
    """One row per query, in the order of the values. ``texts`` are the queries'; raises KeyError for one without."""
    rows: list[Row] = []
    for query_id, before in compared.before.items():
        after = compared.after[query_id]
        values: tuple[str | float, ...] = (
            compared.dataset, compared.side, compared.split, compared.measure, compared.arm, query_id,
            one_line(texts[query_id]), float(before), float(after), float(after - before), outcome(before, after),
        )  # fmt: skip
        row: dict[str, str | float] = dict(zip(COLUMNS, values, strict=True))
        row.update({FEATURE + name: value for name, value in features.get(query_id, {}).items()})
        rows.append(row)
    return rows


def queries_csv(rows: Sequence[Row]) -> str:
    """The rows with a header; features stand behind, and one that a row's set does not have is empty there."""
    header = dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)])
    return csv_text(list(header), rows)


def without_texts(table: str) -> str:
    """The same table, its texts empty."""
    rows = list(csv.DictReader(io.StringIO(table)))
    return queries_csv([{**row, "text": ""} for row in rows])
