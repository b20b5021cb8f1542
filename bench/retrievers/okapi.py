"""Okapi BM25 with the statistics of rank_bm25's ``BM25Okapi``, computed once into a sparse matrix.

``BM25Okapi.get_scores`` walks over every document for every query word. Its summands depend on word and document only:

    idf(w) · f · (k1 + 1) / (f + k1 · (1 - b + b · |d| / avgdl))      f: how often d has w

so they are stored, and a query adds up the columns of its words. Operations and their order are rank_bm25's own, in
64-bit floats, which makes the scores equal to the last bit. Its idf may be negative (a word in more than half of the
documents); such words are given ``epsilon`` times the mean idf, a figure of the whole vocabulary.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

K1, B, EPSILON = 1.5, 0.75, 0.25
"""The defaults of rank_bm25 0.2.2."""

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class OkapiIndex:
    """``words``: word -> column. Column c lists documents and their summands in ``[starts[c]:starts[c + 1]]``."""

    documents: int
    words: Mapping[str, int]
    starts: Integers
    rows: Integers
    values: Floats

    def scores(self, query: Sequence[str]) -> tuple[Floats, Integers]:
        """Scores of all documents, shape (documents,), and the positions of those that have a word of ``query``.

        A word counts as often as the query repeats it; a word that no document has counts nothing.
        """
        scores = np.zeros(self.documents)
        matched = np.zeros(self.documents, dtype=bool)
        for word in query:
            column = self.words.get(word)
            if column is not None:
                span = slice(self.starts[column], self.starts[column + 1])
                np.add.at(scores, self.rows[span], self.values[span])  # faster than +=, which gathers and scatters
                matched[self.rows[span]] = True
        return scores, np.flatnonzero(matched)


def build_okapi(corpus: Iterable[Sequence[str]]) -> OkapiIndex:
    """The index of ``corpus``, one sequence of words per document; documents without words are allowed."""
    from scipy.sparse import csr_matrix

    words: dict[str, int] = {}
    columns, frequencies, ends, lengths = array("i"), array("i"), array("q", [0]), array("i")
    for document in corpus:
        counts = Counter(document)
        columns.extend(words.setdefault(word, len(words)) for word in counts)
        frequencies.extend(counts.values())
        ends.append(len(columns))
        lengths.append(len(document))
    parts = tuple(np.array(part) for part in (frequencies, columns, ends))
    matrix = csr_matrix(parts, shape=(len(lengths), len(words))).tocsc()
    matrix.data = _summands(matrix, np.array(lengths, dtype=np.int64))
    return OkapiIndex(len(lengths), words, matrix.indptr, matrix.indices, matrix.data)


def _summands(matrix: Any, lengths: NDArray[np.int64]) -> Floats:
    """The summand of each entry of ``matrix`` (documents × words, CSC, frequencies), in its order."""
    if not matrix.nnz:
        return np.zeros(0)
    document_frequencies = np.diff(matrix.indptr)
    idf = np.repeat(_idf(len(lengths), document_frequencies.tolist()), document_frequencies)
    mean_length = int(lengths.sum()) / len(lengths)
    frequency = matrix.data.astype(np.int64)
    norm = K1 * (1 - B + B * lengths[matrix.indices] / mean_length)
    summands: Floats = idf * (frequency * (K1 + 1) / (frequency + norm))
    return summands


def _idf(documents: int, document_frequencies: Sequence[int]) -> Floats:
    """idf per word, in the order in which the corpus brings the words up: the mean is a sum of floats in that order."""
    idf = [math.log(documents - n + 0.5) - math.log(n + 0.5) for n in document_frequencies]
    total = 0.0
    for value in idf:  # not sum(): since Python 3.12 it compensates rounding, which rank_bm25 does not
        total += value
    floor = EPSILON * (total / len(idf))
    return np.array([floor if value < 0 else value for value in idf])
