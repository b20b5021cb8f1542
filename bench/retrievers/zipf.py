"""A labelled set of any size, drawn: words with Zipf's frequencies, and queries that are made of one document's words.

It is written straight to disk and is the same, byte for byte, for the same sizes and seed. Speed and memory on it are
those of real text with as many words; what is found says only that the pipeline works, for each query has one relevant
document, that which its words were taken from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.card import Card
from bench.data.writing import write_beir
from bench.types import ConfigError, Document, Query

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOCABULARY = 200_000
OFFSET = 2.7
"""Mandelbrot's: the word at rank r (from 1) has a share in proportion to 1 / (r + 2.7), near that of English text."""
TITLE_WORDS, TEXT_WORDS = (3, 8), (50, 150)
"""Fewest and most words of a document; lengths between are as likely."""
QUERY_WORDS = 8
AT_ONCE = 10_000
"""Documents drawn together; the draw of a document does not depend on how many there are."""

_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def write_zipf(folder: Path, documents: int, queries: int, seed: int = 0) -> Path:
    """The drawn set in BEIR layout, split ``test``. Raises ConfigError for sizes that cannot be, StoreError."""
    if not 1 <= queries <= documents:
        raise ConfigError(f"{queries} queries over {documents} documents: draw at least 1, and no more than documents")
    places = {number * documents // queries: f"q{number}" for number in range(queries)}
    asked: list[Query] = []  # filled while the corpus is written, which comes first
    card = Card(
        name=f"zipf-{documents}",
        licence="CC0-1.0",
        revision=f"seed {seed}",
        description=f"Drawn: {documents:,} documents of words with Zipf's frequencies, {queries:,} queries.",
    )
    return write_beir(
        folder,
        card,
        _corpus(documents, seed, places, asked),
        (query for query in asked),
        {"test": ((query, f"d{place}", 1) for place, query in places.items())},
    )


def _corpus(documents: int, seed: int, places: dict[int, str], asked: list[Query]) -> Iterator[Document]:
    import numpy as np

    words = _vocabulary()
    limits = np.cumsum(1 / (np.arange(1, VOCABULARY + 1) + OFFSET))
    for start in range(0, documents, AT_ONCE):
        drawn = np.random.default_rng((seed, start))
        titles = drawn.integers(TITLE_WORDS[0], TITLE_WORDS[1] + 1, AT_ONCE)
        lengths = titles + drawn.integers(TEXT_WORDS[0], TEXT_WORDS[1] + 1, AT_ONCE)
        ends = np.cumsum(lengths)
        ranks = limits.searchsorted(drawn.random(int(ends[-1])) * limits[-1])
        picks = drawn.random((AT_ONCE, QUERY_WORDS))
        for number in range(min(AT_ONCE, documents - start)):
            own = words[ranks[ends[number] - lengths[number] : ends[number]]].tolist()
            if (query := places.get(start + number)) is not None:
                asked.append(Query(query, " ".join(own[int(share * len(own))] for share in picks[number])))
            title = int(titles[number])
            yield Document(f"d{start + number}", " ".join(own[title:]), " ".join(own[:title]))


def _vocabulary() -> NDArray[Any]:
    """Made-up words of two syllables and more, the shortest first: frequent words are short."""
    import numpy as np

    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]

    def word(rank: int) -> str:
        rest, last = divmod(rank, len(syllables))
        parts = [syllables[last]]
        while True:
            rest, digit = divmod(rest, len(syllables))
            parts.append(syllables[digit])
            if not rest:
                return "".join(reversed(parts))

    return np.array([word(rank) for rank in range(VOCABULARY)], dtype=object)
