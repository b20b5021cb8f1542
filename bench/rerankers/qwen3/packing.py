"""Which tokens go through the layers together: documents end to end, and what they share only once.

A prompt is ``system + head + rest``: the system turn is the same for every prompt, the head (instruction and query) for
every document of a request, the rest is the document with the template's tail. A *span* is one of these pieces. It sees
all of its parent's tokens and its own up to each position, so packing changes no score: nothing sees a neighbour.

The system turn goes through the layers once in an engine's life. A head goes with the first documents of its request;
where a request does not fit one pass, the head's keys and values are carried to the next. Nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from bench.rerankers.prompt import Prompt, Tokens

SYSTEM, CARRIED = 0, 1
"""The prefixes that a pack starts from: the system turn, and the head carried over from the pack before."""


Families = list[tuple[Tokens, list[tuple[int, Tokens]]]]
"""Per head its documents, as (place of the prompt, rest)."""


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens that follow those of prefix number ``parent``. With ``shared`` they become a prefix for later spans.

    ``document`` is the place of the prompt whose answer is read at the last token; None for a head.
    """

    tokens: Tokens
    parent: int
    document: int | None = None

    @property
    def shared(self) -> bool:
        return self.document is None


@dataclass(frozen=True, slots=True)
class Pack:
    """One pass through the layers. A head becomes the next prefix number, from 2 on, in the order of the spans.

    ``keep`` is the number of the prefix that the next pack carries on; None when every request in here ends here.
    """

    spans: tuple[Span, ...]
    keep: int | None = None

    @property
    def tokens(self) -> int:
        return sum(len(span.tokens) for span in self.spans)

    @property
    def documents(self) -> tuple[int, ...]:
        return tuple(span.document for span in self.spans if span.document is not None)


def plan(
    prompts: Sequence[Prompt],
    system: Tokens,
    *,
    token_budget: int | None = None,
    batch_size: int | None = None,
    alone: bool = False,
) -> list[Pack]:
    """Packs that hold every prompt once; those of one head follow each other, the longest first.

    A pack has at most ``batch_size`` documents and ``token_budget`` tokens (None: no bound); packs are of like size
    rather than full with a small one left over. A document longer than the budget has a pack of its own. With ``alone``
    every head and every document has a pack to itself, so that what is computed for one depends on no other.
    """
    families = _families(prompts, system)
    if alone:
        return list(_alone(families))
    left = sum(len(head) + sum(len(rest) for _, rest in members) for head, members in families)
    packs: list[Pack] = []
    pack = _Open(_share(left, token_budget))
    for head, members in families:
        parent = None
        for place, rest in members:
            cost = len(rest) + (len(head) if parent is None else 0)
            if pack.documents and (pack.documents == batch_size or pack.is_full(cost, token_budget)):
                packs.append(pack.close(keep=parent))
                left -= pack.tokens
                pack = _Open(_share(left, token_budget))
                parent = None if parent is None else CARRIED
            parent = pack.add_head(head) if parent is None else parent
            pack.add_document(rest, parent, place)
    return [*packs, pack.close()] if pack.spans else packs


@dataclass(slots=True)
class _Open:
    """A pack that is being filled, to about ``share`` tokens."""

    share: float
    spans: list[Span] = field(default_factory=list)
    tokens: int = 0
    documents: int = 0

    def is_full(self, cost: int, token_budget: int | None) -> bool:
        """Whether ``cost`` more tokens would burst the budget, or end further above the share than it is below now."""
        return token_budget is not None and (self.tokens + cost > token_budget or self.tokens + cost / 2 > self.share)

    def add_head(self, head: Tokens) -> int:
        """The number of the prefix that the head becomes."""
        number = CARRIED + 1 + sum(span.shared for span in self.spans)
        self.spans.append(Span(head, SYSTEM))
        self.tokens += len(head)
        return number

    def add_document(self, rest: Tokens, parent: int, place: int) -> None:
        self.spans.append(Span(rest, parent, place))
        self.tokens += len(rest)
        self.documents += 1

    def close(self, keep: int | None = None) -> Pack:
        return Pack(tuple(self.spans), keep)


def _share(left: int, token_budget: int | None) -> float:
    """Tokens of each of the packs still to come, if they are as few as the budget allows and all of one size."""
    return left if token_budget is None else left / max(1, -(-left // token_budget))


def _alone(families: Families) -> Iterator[Pack]:
    for head, members in families:
        yield Pack((Span(head, SYSTEM),), keep=CARRIED + 1)
        for number, (place, rest) in enumerate(members, start=1):
            yield Pack((Span(rest, CARRIED, place),), keep=CARRIED if number < len(members) else None)


def _families(prompts: Sequence[Prompt], system: Tokens) -> Families:
    """Per head its prompts as (place, rest), longest first. Neighbours with one head are one family."""
    split = [(*_split(prompt, system), place) for place, prompt in enumerate(prompts)]
    found = []
    for head, members in groupby(split, key=lambda item: item[0]):
        ordered = sorted(((place, rest) for _, rest, place in members), key=lambda item: (-len(item[1]), item[0]))
        found.append((head, ordered))
    return found


def _split(prompt: Prompt, system: Tokens) -> tuple[Tokens, Tokens]:
    """Head without the system turn, and the rest, which is never empty: an answer is read at its last token."""
    head, rest = prompt.head[len(system) :], prompt.document + prompt.tail
    return (head, rest) if rest else (head[:-1], head[-1:])
