"""Pure: a comparison as sections of text and tables, for a terminal and for a pull request alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.compare.comparison import Compared, Comparison
from bench.compare.figures import CostChange, Difference
from bench.compare.match import judged
from bench.compare.rulings import Ruling
from bench.compare.text import amount, change, signed, signed_span
from bench.report import words
from bench.report.blocks import Block, Bullets, Cell, Paragraph, Section, Table
from bench.report.groups import primary
from bench.report.words import MISSING

SHOWN = {
    "latency_p50_s": "Latency p50",
    "latency_p95_s": "Latency p95",
    "throughput_qps": "Queries/s",
    "peak_rss_bytes": "Peak memory",
    "peak_device_bytes": "Peak device memory",
}
"""The costs that tables show; the others are in the JSON, and may be gated."""
_MESSAGE_COLUMNS = 160
_IN_OVERVIEW = tuple(column for column in SHOWN if column != "latency_p50_s")


def lead(comparison: Comparison) -> str:
    """How many pairs, how they were matched, and what the p-values are adjusted over."""
    compared = comparison.compared
    of = f"A is {words.clean(comparison.name_a)}, B is {words.clean(comparison.name_b)}"
    tests = f"p-values are Holm-adjusted over {words.plural(comparison.tests, 'test')}" if comparison.tests else ""
    return " · ".join(
        part for part in (of, f"{words.plural(len(compared), 'pair')} {_matched(compared)}", tests) if part
    )


def _matched(compared: Sequence[Compared]) -> str:
    by_id = sum(each.pair.by_id for each in compared)
    axes = dict.fromkeys(name for each in compared for name in each.pair.axes)
    by_name = "by dataset, split and pipeline" + (f" with {words.listed(list(axes))}" if axes else "")
    if by_id == len(compared):
        return "matched by trial id"
    return f"matched {by_name}" if not by_id else f"matched: {by_id} by trial id, {len(compared) - by_id} {by_name}"


def sections(comparison: Comparison, rulings: Sequence[Ruling], *, details: bool = True) -> tuple[Section, ...]:
    """Gates, an overview with a row per pair, each pair in detail, and what could not be compared."""
    of_pairs = [_pair(number, each) for number, each in enumerate(comparison.compared, 1) if not each.refused]
    found = [_gates(rulings), _overview(comparison), *(of_pairs if details else ()), _left_out(comparison)]
    return tuple(section for section in found if section is not None)


def _gates(rulings: Sequence[Ruling]) -> Section | None:
    if not rulings:
        return None
    blocks: list[Block] = []
    for ruling in rulings:
        blocks.append(Paragraph(ruling.sentence, "verdict", "Holds" if ruling.holds else "Broken"))
        if ruling.broken:
            blocks.append(Bullets(tuple(outcome.sentence for outcome in ruling.broken)))
    return Section("gates", "Gates", tuple(blocks))


def _overview(comparison: Comparison) -> Section | None:
    compared = [each for each in comparison.compared if not each.refused]
    if not compared:
        return None
    main = primary([each.pair.a for each in compared])
    rows = tuple(_overview_row(each, main) for each in compared)
    title = words.measure_title(main)
    columns = ("Trial", f"{title} A", "B", "B−A", "p", *(SHOWN[column] for column in _IN_OVERVIEW))
    kept = [i for i in range(len(columns)) if i < 5 or any(not row[i].missing for row in rows)]
    table = Table(
        f"{title}, and how cost changed from A to B",
        tuple(columns[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
    )
    return Section("overview", "Overview", (table,))


def _overview_row(compared: Compared, main: str) -> tuple[Cell, ...]:
    changes = (compared.cost(column) for column in _IN_OVERVIEW)
    costs = tuple(Cell(change(each.change) if each else MISSING) for each in changes)
    return (Cell(compared.label), *_quality_cells(compared.difference(main)), *costs)


def _quality_cells(found: Difference | None) -> tuple[Cell, ...]:
    if found is None:
        return (Cell(MISSING),) * 4
    return (
        Cell(words.score(found.mean_a)),
        Cell(words.score(found.mean_b)),
        Cell("0") if found.same else Cell(signed(found.difference.mean), signed_span(found.difference)),
        Cell(words.p_value(found.adjusted_p).removeprefix("p = ").removeprefix("p ")),
    )


def _pair(number: int, compared: Compared) -> Section:
    said = "; ".join(compared.differing) or "nothing that is recorded"
    blocks: list[Block] = [Paragraph(f"{said}.", "plain", "Differs")]
    blocks += [Paragraph(text, "note") for text in _doubts(compared)]
    if compared.differences and all(each.same for each in compared.differences):
        names = words.listed([words.measure_title(each.measure) for each in compared.differences])
        blocks.append(Paragraph(f"{_queries(compared.differences)} have the same {names} in both.", "plain", "Quality"))
    elif compared.differences:
        blocks.append(_measures(compared.differences))
    shown = [each for each in compared.costs if each.column in SHOWN]
    if any(each.change is not None for each in shown):
        blocks.append(_costs(shown))
    return Section(f"pair-{number}", compared.label, tuple(blocks))


def _doubts(compared: Compared) -> Iterator[str]:
    """What makes the two less than comparable."""
    sides = (("A", compared.pair.a), ("B", compared.pair.b))
    for name, result in sides:
        if result.status != "ok":
            why = words.shorten(words.clean(result.message), _MESSAGE_COLUMNS) or "no message was left"
            yield f"{name} ended as {result.status}: {why}"
    if compared.other_hardware and compared.costs:
        yield "Hardware or threads differ: times do not tell what the change did."
    a, b = (judged(result) for _, result in sides)
    if a and b and a != b:
        lone = words.listed([f"{len(mine - theirs):,} in {name} alone" for name, mine, theirs in
                             (("A", a, b), ("B", b, a)) if mine - theirs])  # fmt: skip
        yield f"Quality is over the {words.plural(len(a & b), 'query')} that both judged; {lone} left out."


def _measures(found: Sequence[Difference]) -> Table:
    rows = tuple(
        (
            Cell(words.measure_title(each.measure)),
            *_quality_cells(each),
            Cell(f"{each.wins:,} / {each.ties:,} / {each.losses:,}"),
        )
        for each in found
    )
    columns = ("Measure", "A", "B", "B−A", "p", "Won / tied / lost by B")
    return Table(f"Quality over {_queries(found)}; in brackets the paired 95% interval", columns, rows)


def _queries(found: Sequence[Difference]) -> str:
    """How many queries the figures are over, where that is one number."""
    counts = {each.queries for each in found}
    return words.plural(counts.pop(), "query") if len(counts) == 1 else "the queries that both have"


def _costs(found: Sequence[CostChange]) -> Table:
    rows = tuple(
        (
            Cell(SHOWN[each.column]),
            Cell(amount(each.column, each.a)),
            Cell(amount(each.column, each.b)),
            Cell(change(each.change), "intervals overlap" if each.overlap else ""),
        )
        for each in found
    )
    return Table("Cost", ("Cost", "A", "B", "Change"), rows)


def _left_out(comparison: Comparison) -> Section | None:
    said = [f"{each.label}: not compared, {each.refused}" for each in comparison.refused]
    said += [f"{label}: only in A" for label in comparison.only_a]
    said += [f"{label}: only in B" for label in comparison.only_b]
    return Section("left-out", "Not compared", (Bullets(tuple(said)),)) if said else None
