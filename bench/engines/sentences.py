"""What is said of a benchmark in sentences: the peak, comparisons, notes, the machine. Pure."""

from __future__ import annotations

from bench.engines.results import Outcome
from bench.engines.summary import peak_pairs_per_s, peaks, rows
from bench.engines.tables import device
from bench.report import words

WHAT_IS_WHAT = (
    "Pairs/s and tokens/s: the whole call, tokenising included; median of the rounds, least and most beside it. Tokens "
    "are those of the prompts, each counted whole.",
    "Needed: operations that the workload needs when what prompts share is computed once, per second, as a share of "
    "the peak of the matrix product in the same round. At 100% an engine would do nothing but the "
    "products that cannot be avoided.",
    "Computed: the same for the tokens that really went through the layers, padding and repeated prefixes included, "
    "linear maps alone.",
    "Memory growth: the highest rise above what was held once the weights were loaded.",
    "Δp: largest difference in the probability of “yes” against one pair at a time in fp32. Rank changes: queries "
    "whose order differs, and pairs of documents in the opposite order.",
    "Batch: the best of those tried on a part of the workload.",
)


def said_peaks(outcome: Outcome) -> list[str]:
    """The matrix product in a sentence per dtype: the peak, and the slower ways."""
    found = peaks(outcome)
    lines = []
    for top in (row for row in found if row.peak):
        slower = [row for row in found if row.dtype == top.dtype and not row.peak]
        others = "".join(f"; {row.way} {words.figure3(row.rate.median / 1e9)}" for row in slower)
        rate = words.figure3(top.rate.median / 1e9)
        lines.append(f"Peak of the matrix product in {top.dtype}: {rate} GFLOP/s by {top.way}{others}")
    return lines


def said_comparisons(outcome: Outcome) -> list[str]:
    """The first engine against each other one, as ratios within the rounds."""
    first = next((row for row in rows(outcome) if row.pairs_per_s is not None), None)
    if first is None:
        return []
    return [
        f"{first.label} against {label}: {words.figure3(ratio.median)} times as many pairs/s "
        f"({words.figure3(ratio.least)} to {words.figure3(ratio.most)} over the rounds)"
        for label, ratio in first.speedup.items()
    ]


def said_notes(outcome: Outcome) -> list[str]:
    """What a reader should know: engines that did not finish, what was assumed, what random weights are not."""
    notes = [f"{engine.label}: {engine.fate}: {engine.message}" for engine in outcome.engines if engine.fate != "ok"]
    notes += [f"{engine.label}: {note}" for engine in outcome.engines for note in engine.notes]
    notes += [f"{row.label}: its scores differ from round to round" for row in rows(outcome) if row.repeats is False]
    notes += [note for note in (*outcome.notes, outcome.peak_message) if note]
    if str(outcome.model["name"]).startswith("shape:"):
        notes.append(
            "The weights are random: speed, memory and exactness are those of the shape, and the scores mean nothing."
        )
    return notes


def least_work(outcome: Outcome) -> list[str]:
    """What the workload needs, and what that would be at the peak; nothing where neither is known."""
    dtypes = dict.fromkeys(row.dtype for row in rows(outcome) if row.needed_share is not None)
    rates = [(dtype, peak_pairs_per_s(outcome, dtype)) for dtype in dtypes]
    written = [f"{words.figure3(rate)} pairs/s in {dtype}" for dtype, rate in rates if rate is not None]
    if not written:
        return []
    needed, unshared = outcome.workload["needed_flops"], outcome.workload["unshared_flops"]
    return [
        f"The least work: the workload needs {needed / 1e12:,.3g} TFLOP with shared prefixes "
        f"({unshared / 1e12:,.3g} with every pair by itself); at the measured peak that would be "
        f"{' and '.join(written)}."
    ]


def machine(outcome: Outcome) -> list[str]:
    """The environment as lines of text."""
    facts = outcome.environment
    packages = facts.get("packages") or {}
    known = ("torch", "transformers", "sentence-transformers", "rerankbench")
    memory = facts.get("memory_bytes")
    lines = [
        f"Device: {device(outcome)}",
        f"Processor: {facts.get('cpu')}, {facts.get('cores_physical')} cores, {facts.get('threads')} threads",
        f"Memory: {words.size(memory)}; free before the run: {words.size(facts.get('free_bytes'))}",
        f"System: {facts.get('system')}, Python {facts.get('python')}",
        "Packages: " + ", ".join(f"{name} {packages[name]}" for name in known if name in packages),
        f"Load before the run: {facts.get('load_before')}",
        f"Started: {outcome.started_at}",
    ]
    return [line for line in lines if "None" not in line]
