"""A small byte-level BPE with Qwen's pre-tokeniser, learnt from the grammar.

Merges are ranked in four layers, so that a name is cut the same way wherever it stands: (1) the bytes of each Chinese
character, (2) the two parts of Latin names, (3) "yes" and "no", (4) words of the grammar by frequency. Names are
absent from the text of layer 4, so no merge ever joins a part of a name to its neighbour.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from bench.rerankers.template import TEMPLATES
from bench.tracer.grammar import DOMAINS, LANGUAGES, Grammar
from bench.tracer.instructions import INSTRUCTIONS

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen's own pre-tokeniser."""
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ADDED = ("<think>", "</think>")
VOCABULARY_SIZE = 4096
LONGEST_CHINESE_BYTES = 12

Pair = tuple[str, str]


def _byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(extra)}


BYTE_LETTERS = _byte_letters()


def _letters(text: str) -> tuple[str, ...]:
    return tuple(BYTE_LETTERS[byte] for byte in text.encode("utf-8"))


def _merged(symbols: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    out: list[str] = []
    position = 0
    while position < len(symbols):
        if symbols[position : position + 2] == pair:
            out.append(pair[0] + pair[1])
            position += 2
        else:
            out.append(symbols[position])
            position += 1
    return tuple(out)


def _cut(text: str, ranks: dict[Pair, int]) -> tuple[str, ...]:
    """The BPE cut of one pre-token under the merges so far."""
    symbols = _letters(text)
    while len(symbols) > 1:
        pairs = [pair for pair in pairwise(symbols) if pair in ranks]
        if not pairs:
            break
        symbols = _merged(symbols, min(pairs, key=ranks.__getitem__))
    return symbols


def _fix(word: str, ranks: dict[Pair, int]) -> None:
    """Adds merges until the word is one token; words fixed earlier stay as they are (their merges rank first)."""
    while len(symbols := _cut(word, ranks)) > 1:
        ranks[symbols[0], symbols[1]] = len(ranks)


def _grammar_text(grammar: Grammar) -> Counter[str]:
    """Pre-tokens of all frames, phrases and prompts, with the slots cut out."""
    weighted: list[tuple[str, int]] = []
    for lang in LANGUAGES:
        for domain in DOMAINS:
            noun = grammar.nouns[lang][domain]
            weighted.append((f"\n {noun}" if lang == "en" else f"\n”{noun}", 200))
            weighted.append((grammar.titles[lang][domain], 200))
        for frames in grammar.frames[lang].values():
            weighted += [(f" {frame}" if lang == "en" else frame, 40) for frame in frames]
        for phrases in grammar.shared[lang].values():
            weighted += [(f" {phrase}" if lang == "en" else phrase, 10) for phrase in phrases]
        for intent in (*grammar.intents.values(), *grammar.directions.values()):
            said = intent.phrases[lang]
            for phrase in (*said.questions, *said.answers, *said.topics, *said.words):
                weighted.append((f" {phrase}" if lang == "en" else phrase, 2))
    weighted += [(instruction.text, 50) for instruction in INSTRUCTIONS.values()]
    for template in TEMPLATES.values():
        weighted.append((template.text("\n", "\n", "\n"), 500))
    markers = re.compile("|".join(re.escape(token) for token in (*SPECIAL, *ADDED)))
    splitter = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    counts: Counter[str] = Counter()
    for text, weight in weighted:
        for piece in re.split(r"\{\w+\}", text):
            for part in markers.split(piece):
                for token, _ in splitter.pre_tokenize_str(part):
                    counts[token] += weight
    return counts


def _short_enough(left: str, right: str) -> bool:
    """Latin words of any length, Chinese pieces of up to four characters."""
    return len(left + right) <= LONGEST_CHINESE_BYTES or (left + right).removeprefix("Ġ").isascii()


def _learn(counts: Counter[str], ranks: dict[Pair, int], budget: int) -> None:
    """Plain BPE on top of the fixed merges: the most frequent pair first, ties in alphabetical order."""
    words = {word: _cut(word, ranks) for word in counts}
    totals: Counter[Pair] = Counter()
    where: dict[Pair, set[str]] = defaultdict(set)

    def count(word: str, sign: int) -> None:
        for pair in pairwise(words[word]):
            totals[pair] += sign * counts[word]
            where[pair].add(word)

    for word in words:
        count(word, 1)
    for _ in range(budget):
        fitting = {pair: total for pair, total in totals.items() if total > 0 and _short_enough(*pair)}
        if not fitting:
            return
        best = max(fitting, key=lambda pair: (fitting[pair], pair))
        ranks[best] = len(ranks)
        for word in sorted(where[best]):
            count(word, -1)
            words[word] = _merged(words[word], best)
            count(word, 1)


def build_tokenizer(grammar: Grammar, size: int = VOCABULARY_SIZE) -> PreTrainedTokenizerFast:
    """The tokenizer of both checkpoints; ``size`` bounds its vocabulary, special tokens included."""
    counts = _grammar_text(grammar)
    ranks: dict[Pair, int] = {}
    names = "".join((*grammar.first_names["zh"], *grammar.second_names["zh"]))
    for character in sorted({c for word in counts for c in word if ord(c) > 127} | set(names) | set("“”")):
        _fix(character, ranks)
    for part in grammar.first_names["en"]:
        _fix(f" {part}", ranks)
    for part in (*grammar.second_names["en"], "yes", "no"):
        _fix(part, ranks)
    room = size - 256 - len(SPECIAL) - len(ADDED) - len({a + b for a, b in ranks})
    _learn(counts, ranks, room)
    vocabulary = {BYTE_LETTERS[byte]: n for n, byte in enumerate(sorted(BYTE_LETTERS))}
    for left, right in ranks:
        vocabulary.setdefault(left + right, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(ranks)))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ADDED])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        model_max_length=32768,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
