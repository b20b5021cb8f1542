"""Packs as tensors: token ids of a shared prefix and its candidates, with the truth about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from bench.tracer.evaluate import prompt_parts
from bench.tracer.grammar import Grammar
from bench.tracer.packs import Pack
from bench.tracer.writing import KINDS, Need

EVAL_TEMPLATE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids of P prefixes and P x K bodies (document and suffix), with the truth about each."""

    prefix: Tensor  # [P, S] left padded
    prefix_mask: Tensor  # [P, S]
    body: Tensor  # [P*K, T] right padded
    body_mask: Tensor  # [P*K, T]
    target: Tensor  # [P*K]
    role: Tensor  # [P*K, T]: 0 name part not in the query, 1 of its entity, 2 of its target; -100 elsewhere
    agrees: Tensor  # [P*K, T]: 1 where a name part plays the part it has in the query, else 0; -100 elsewhere
    query_need: Tensor  # [P]
    doc_need: Tensor  # [P*K]; -100 for name lessons
    doc_kind: Tensor  # [P*K]
    same_need: Tensor  # [P*K]
    same_name: Tensor  # [P*K]
    meaning: Tensor  # [P]


class Reader:
    """Turns packs into batches."""

    def __init__(self, grammar: Grammar, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.needs = [*grammar.intents, *grammar.directions]
        self.pad = tokenizer.pad_token_id
        self.part_ids: dict[str, tuple[int, ...]] = {}
        for lang, space in (("en", " "), ("zh", "")):
            for part in grammar.first_names[lang]:
                self.part_ids[part] = self._ids([space + part])[0]
            for part in grammar.second_names[lang]:
                self.part_ids[part] = self._ids([part])[0]
        self.name_ids = torch.tensor(sorted({ids[0] for ids in self.part_ids.values()}))

    def _ids(self, texts: list[str]) -> list[tuple[int, ...]]:
        return [tuple(row) for row in self.tokenizer(texts, add_special_tokens=False)["input_ids"]]

    def _parts(self, lang: str, name: str) -> set[int]:
        """The two token ids of a name, as it stands inside a sentence."""
        text = f" {name}" if lang == "en" else name
        return set(self._ids([text])[0])

    def batch(self, packs: Sequence[Pack], rng: Random) -> Batch:
        parts = [
            prompt_parts(
                "qwen3-eval" if rng.random() < EVAL_TEMPLATE_SHARE else "qwen3",
                self._instruction(pack.instruction.text, rng),
                pack.query,
            )
            for pack in packs
        ]
        prefixes = self._ids([before for before, _ in parts])
        suffixes = self._ids([after for _, after in parts])
        docs = self._ids([" " + f"{c.doc.title} {c.doc.text}".strip() for pack in packs for c in pack.candidates])
        size = len(packs[0].candidates)
        bodies = [doc + suffixes[n // size] for n, doc in enumerate(docs)]
        prefix, prefix_mask = self._padded(prefixes, left=True)
        body, body_mask = self._padded(bodies, left=False)
        flat = [(pack, c) for pack in packs for c in pack.candidates]
        lesson = [c.doc.title == "" for _, c in flat]
        needs = torch.tensor([self.needs.index(c.doc.need.intent) for _, c in flat])
        role = self._roles(body, [(pack.need, size) for pack in packs])
        played = self._roles(body, [(c.doc.need, 1) for _, c in flat])
        return Batch(
            prefix=prefix,
            prefix_mask=prefix_mask,
            body=body,
            body_mask=body_mask,
            target=torch.tensor([c.target for _, c in flat]),
            role=role,
            agrees=torch.where(role == -100, -100, (role == played).long()),
            query_need=torch.tensor(
                [-100 if pack.candidates[0].doc.title == "" else self.needs.index(pack.need.intent) for pack in packs]
            ),
            doc_need=needs.masked_fill(torch.tensor(lesson), -100),
            doc_kind=torch.tensor([KINDS.index(c.doc.kind) for _, c in flat]).masked_fill(torch.tensor(lesson), -100),
            same_need=torch.tensor([float(c.doc.need.intent == pack.need.intent) for pack, c in flat]),
            same_name=torch.tensor(
                [
                    float((c.doc.need.entity, c.doc.need.target) == (pack.need.entity, pack.need.target))
                    for pack, c in flat
                ]
            ),
            meaning=torch.tensor(
                [("generic", "solve", "background").index(pack.instruction.meaning) for pack in packs]
            ),
        )

    @staticmethod
    def _instruction(text: str, rng: Random) -> str:
        """Either width of comma, since copies of the instructions differ in it."""
        return text.replace(",", "，") if not text.isascii() and rng.random() < 0.3 else text

    def _padded(self, rows: Sequence[tuple[int, ...]], left: bool) -> tuple[Tensor, Tensor]:
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for n, row in enumerate(rows):
            where = slice(width - len(row), width) if left else slice(0, len(row))
            ids[n, where] = torch.tensor(row)
            mask[n, where] = 1
        return ids, mask

    def _roles(self, body: Tensor, needs: Sequence[tuple[Need, int]]) -> Tensor:
        """Marks name parts: 1 for the need's entity, 2 for its target, 0 for others. Needs cover so many rows each."""
        roles, start = torch.where(torch.isin(body, self.name_ids), 0, -100), 0
        for need, count in needs:
            rows = slice(start, start + count)
            for role, name in ((1, need.entity), (2, need.target)):
                for part in self._parts(need.lang, name) if name else ():
                    roles[rows][body[rows] == part] = role
            start += count
        return roles
