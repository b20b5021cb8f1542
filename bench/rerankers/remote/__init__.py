"""Engine ``http``: a reranker behind a URL, measured as its users meet it.

================= ============================ =======================================
the URL ends in   spoken by                    what is sent
================= ============================ =======================================
``/rerank``       Cohere, Jina, vLLM, infinity the plain query and documents
``/score``        vLLM                         both, with our template around them
``/rerank#tei``   text-embeddings-inference    both, with our template around them
================= ============================ =======================================

Nothing in a URL says whose ``/rerank`` it is, so TEI's, which takes other fields, is named after a ``#``; that part
never leaves this machine. ``#rerank`` and ``#score`` likewise name the form for a URL that ends otherwise.

**Who writes the prompt.** A ``/rerank`` endpoint promises to rank plain texts: hosted models have a template of their
own, and vLLM applies the one it was started with (``--chat-template``). So texts go there as they are, and an
instruction other than the template's default goes in the field ``instruction``, which vLLM hands to its template and
others may ignore. ``/score`` and TEI score what they are given, query and document joined: there the trial's
``template`` is put around the texts on this side, half with the query and half with the document, which is how the
original Qwen3-Reranker is fed to a vLLM without a template; the prompt is then ours token for token. A server that
adds a template of its own there needs ``template: none``. A Qwen3-Reranker that sees no template at all, or two, gives
scores that mean little, and nothing fails; so a note in the report always says which of these was done.

**What a server does not take from us.** ``max_length``, the number format and the device are its own. Control tokens
in the data are not broken up: that is its tokenizer's business. A server with a prefix cache has seen the timed queries
in the quality pass; start it without one (vLLM: ``--no-enable-prefix-caching``) to time each query as if it were new.

Run against vLLM 0.32 on a CPU: ``/score`` with our template, and ``/rerank`` with the same template on the server's
side, give the prompts of the engine ``transformers`` token for token, and its scores within 1e-5.

The key, where one is needed, is read from ``$RERANKBENCH_API_KEY`` and sent as a bearer token; it stands in no error
and no result. Certificates are checked.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from bench.machine.meter import Stopwatch
from bench.rerankers.base import Engine
from bench.rerankers.prompt import check_request
from bench.rerankers.remote.address import Address, read_url
from bench.rerankers.remote.answer import read_answer
from bench.rerankers.remote.post import Poster, read_key
from bench.rerankers.remote.wire import Question
from bench.rerankers.scores import NotFiniteError, nest
from bench.rerankers.template import find_template
from bench.types import ConfigError, Hub, Request, RerankBenchError, Scored, Work

MOST_AT_ONCE = 512
"""Each is a thread and a connection, and a process may open about a thousand files."""


class RemoteReranker(Engine):
    """A server's model. ``device`` and ``dtype`` are ``remote``; ``load_s`` is 0, for nothing is loaded here.

    ``batch_size`` counts documents per request, None being all of a query's; ``concurrency`` requests are under way at
    once, each allowed ``timeout_s`` seconds a try. ``max_length`` is checked and has no other use here.
    Raises ConfigError. Nothing is sent before the first ``score_many``.
    """

    name = "http"
    takes = ("url", "concurrency", "timeout_s")
    own_batch_size = None
    local = False

    def __init__(
        self,
        model: str | Path,
        *,
        url: str | None = None,
        concurrency: int = 4,
        timeout_s: float = 60.0,
        batch_size: int | None = None,
        max_length: int = 8192,
        template: str = "qwen3",
        device: str | None = None,
        dtype: str = "auto",
        revision: str | None = None,
        hub: Hub = "huggingface",
    ) -> None:
        if (batch_size is not None and batch_size < 1) or max_length < 1 or concurrency < 1:
            raise ConfigError(
                f"batch_size {batch_size}, max_length {max_length} and concurrency {concurrency} must be at least 1"
            )
        if concurrency > MOST_AT_ONCE:
            raise ConfigError(f"concurrency is {concurrency}; at most {MOST_AT_ONCE} requests can be under way at once")
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise ConfigError(f"timeout_s is {timeout_s}; give seconds above 0")
        if revision is not None:
            raise ConfigError(
                f"a server's model has no revision to choose, and {revision!r} was asked for; leave it out"
            )
        self.template = find_template(template)
        self.model, self.batch_size, self.max_length = str(model), batch_size, max_length
        self.concurrency = concurrency
        self.device = self.dtype = "remote"
        self.load_s = 0.0
        self._address = read_url(url)
        self.unit = self._address.wire.unit
        key = read_key()
        self.notes = _notes(self._address, template, key is not None)
        self._poster = Poster(self._address, key, timeout_s, concurrency)
        weakref.finalize(self, self._poster.close)

    @property
    def files(self) -> None:
        return None

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """The server's numbers, per request one float per document, in the order given.

        ``forward_calls`` counts the requests sent, those sent again included; ``tokens`` is the server's own count,
        None where it gives none. Raises ScoreError for an answer without one finite score for each document,
        ModelError for a server that cannot be used, DataError or ConfigError for a text that cannot be sent.
        """
        stages = stages or Stopwatch()
        with stages.time("tokenise"):
            for request in requests:
                check_request(request, self.template)
            questions = [each for number, request in enumerate(requests) for each in self._questions(number, request)]
        with stages.time("rerank"):
            answers = self._ask_all(questions, progress)
        work = sum((answer.work for answer in answers), Work(padding_tokens=None, forward_tokens=None))
        return Scored(nest([score for answer in answers for score in answer.scores], requests), work)

    def _questions(self, number: int, request: Request) -> list[Question]:
        query, documents, instruction = request.query, request.documents, None
        if self._address.wire.wrapped:
            head = self.template.system + self.template.instruction_piece(request.instruction)
            query = head + self.template.query_piece(request.query)
            documents = tuple(self.template.document_piece(text) + self.template.tail for text in request.documents)
        elif request.instruction != self.template.default_instruction:
            instruction = request.instruction
        size = self.batch_size or max(1, len(documents))
        return [
            Question(self.model, query, documents[start : start + size], instruction, number, start)
            for start in range(0, len(documents), size)
        ]

    def _ask_all(self, questions: Sequence[Question], progress: Callable[[int], None] | None) -> list[_Answered]:
        """Answers in the order of the questions, whatever the order in which they came."""
        if not questions:
            return []
        done = 0
        with ThreadPoolExecutor(max_workers=min(self.concurrency, len(questions))) as pool:
            futures: list[Future[_Answered]] = [pool.submit(self._ask, question) for question in questions]
            try:
                for future in as_completed(futures):
                    done += future.result().work.pairs
                    if progress is not None:
                        progress(done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _ask(self, question: Question) -> _Answered:
        value, tries = self._poster.post(self._address.wire.body(question), len(question.documents), self.model)
        try:
            answer = read_answer(self._address, question, value, self._poster.begin)
        except NotFiniteError as error:
            place = (question.request, question.first + error.document)
            raise NotFiniteError(self._poster.safe(str(error)), *place) from None
        except RerankBenchError as error:
            raise type(error)(self._poster.safe(str(error))) from None
        work = Work(
            pairs=len(question.documents),
            forward_calls=tries,
            tokens=answer.tokens,
            forward_tokens=None,
            padding_tokens=None,
            truncated_pairs=None,
            truncated_tokens=None,
        )
        return _Answered(answer.scores, work)


class _Answered(NamedTuple):
    scores: tuple[float, ...]
    work: Work


def _notes(address: Address, template: str, has_key: bool) -> tuple[str, ...]:
    """What was assumed of the server, in words for the report."""
    server = f"the server at {address.shown}"
    if not address.wire.wrapped:
        texts = (
            f"{server} was sent plain texts, so its own template and default instruction apply; an instruction of the "
            "trial's own goes in the field `instruction`, which it may ignore"
        )
    elif template == "none":
        texts = f"{server} was sent plain texts, and scores them as they are unless it has a template of its own"
    else:
        texts = f"{server} was sent texts with the template {template!r} around them; it must add none of its own"
    length = (
        "its number format, device and length limit are its own, and max_length was not sent; it may answer from a "
        "cache of earlier prompts"
    )
    bare = has_key and address.in_the_clear
    return (texts, length, *(("the API key was sent over http, without encryption",) if bare else ()))
