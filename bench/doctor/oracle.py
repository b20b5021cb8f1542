"""What the scores should be, by the dullest means: plain transformers, one pair at a time, fp32, full logits.

Nothing of the engines is used: neither their prompts nor their loading, batching or head.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.doctor.findings import NotApplicableError
from bench.doctor.published import PROMPTS, Published
from bench.rerankers.checkpoint import quiet_transformers


class Oracle:
    """A checkpoint in fp32 on ``device``, with its tokenizer as it comes.

    Raises NotApplicableError for a model that answers neither "yes" nor "no" nor with one label, and for a template
    that nobody has published. ``missing`` names the tensors that the files lack.
    """

    def __init__(self, folder: Path, template: str, device: str) -> None:
        import torch
        import transformers

        if template not in PROMPTS:
            raise NotApplicableError(f"nobody has published the template {template!r}")
        self.published: Published = PROMPTS[template]
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kinds = tuple(config.get("architectures") or ())
        self.classifies = any("ForSequenceClassification" in kind for kind in kinds)
        if not self.classifies and not any(kind.endswith("ForCausalLM") for kind in kinds):
            raise NotApplicableError(f"no language model that says yes or no: {', '.join(kinds) or 'not stated'}")
        auto = transformers.AutoModelForSequenceClassification if self.classifies else transformers.AutoModelForCausalLM
        with quiet_transformers():
            self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            model, info = auto.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        self.missing = sorted(map(str, info["missing_keys"]))
        self._model: Any = model.to(device).eval()
        self._device = device
        if self.classifies and self._model.config.num_labels != 1:
            raise NotApplicableError(f"a classifier with {self._model.config.num_labels} labels has no yes and no")
        if self.classifies and not hasattr(self._model, "score"):
            raise NotApplicableError("an encoder with one label: it reads no prompt and says neither yes nor no")
        self.yes, self.no = (self.tokenizer.convert_tokens_to_ids(answer) for answer in ("yes", "no"))
        self.table: tuple[int, int] = tuple(self._model.get_input_embeddings().weight.shape)
        self._blind = _without_marks(self.tokenizer)
        self._known: dict[tuple[int, ...], float] = {}

    @property
    def control(self) -> frozenset[int]:
        """The ids that are marks and not text."""
        return frozenset(int(id) for id in self.tokenizer.added_tokens_decoder) - {self.tokenizer.unk_token_id}

    def spelled(self, text: str) -> list[int]:
        """Token ids of ``text``, marks read as marks."""
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def tokens(self, instruction: str, query: str, document: str, max_length: int | None = None) -> list[int]:
        """The published prompt. Marks in the three texts are text; beyond ``max_length`` the document's end goes."""
        system, tail = self.spelled(self.published.system), self.spelled(self.published.tail)
        body = self._blind(self.published.fill(instruction, query, document))
        if max_length is not None:
            body = body[: max_length - len(system) - len(tail)]
        return [*system, *body, *tail]

    def joined(self, instruction: str, query: str, document: str) -> list[int]:
        """The published prompt tokenised as one string, as the published code does it."""
        return self.spelled(self.published.text(instruction, query, document))

    def logit(self, tokens: list[int]) -> float:
        """The logit of "yes" over "no" after these tokens, from the logits of the whole vocabulary."""
        import torch

        key = tuple(tokens)
        if key not in self._known:
            with torch.no_grad():
                logits = self._model(input_ids=torch.tensor([tokens], device=self._device)).logits.double()
            row = logits[0] if self.classifies else logits[0, -1]
            self._known[key] = float(row[0] if self.classifies else row[self.yes] - row[self.no])
        return self._known[key]


def _without_marks(tokenizer: Any) -> Any:
    """A function from text to ids in which no mark is known, made from the same vocabulary and merges."""
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return lambda text: list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    tree = json.loads(backend.to_str())
    tree["added_tokens"], tree["post_processor"] = [], None
    blind = Tokenizer.from_str(json.dumps(tree))
    return lambda text: list(blind.encode(text, add_special_tokens=False).ids)
