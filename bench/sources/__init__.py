"""Labelled sets that are no folder in BEIR layout: TREC files, tables, rows for rerankers, repositories, cards.

::

    spec.py         a config's mapping <-> the name that holds all of it; touches no disk
    files.py        lines of text files and their places
    cells.py        one cell to an id, a text or a grade
    tables.py       rows of csv, tsv, jsonl, parquet
    parts.py        documents, queries and judgements, checked on their way into a folder
    tabular.py      three tables as parts
    reranking.py    rows of query, positive[], negative[] as parts
    trec.py         TREC documents, topics and qrels; trec_folder.py recognises a folder of them
    hub.py          the files of a dataset repository as parts
    convert.py      a source to a folder in BEIR layout, once
    open.py         any name to a Dataset
    runs.py         candidates as a TREC run
"""

from bench.sources.open import check_set, default_split, open_set

__all__ = ["check_set", "default_split", "open_set"]
