"""A results folder of which one file was changed, and the cards of public sets.

The changed file is told as damaged, or read as what was written; never as anything else.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rerankbench_fuzz_engine import Target, in_file

KEY = "0123456789abcdef"
INPUTS = {"dataset": "abc", "software": "numpy 1"}
FILES = {
    "result": "trials/*.json",
    "pass": f"quality/{KEY}.json",
    "ranking": f"quality/{KEY}.run.trec",
    "run": "runs/*.trec",
}
WORDS = (
    b"null", b"true", b"[]", b"{}", b"-1", b"1e400", b"NaN", b"0.5", b'"ok"', b'"oom"', b'"sha256"', b'"inputs"',
    b'"trial"', b'"depth"', b"0" * 64, b"q1 Q0 d1 1 0.5 quality\n", b"q1", b"d1", b"nan", b"1e39", b"[" * 3000,
)  # fmt: skip


def _made() -> tuple[Any, Any]:
    """A result and a quality pass."""
    from bench.types import Interval, Quality, QualityPass, ScoredDoc, Trial, TrialResult, Work

    run = {"q1": (ScoredDoc("d1", 0.5), ScoredDoc("d2", 0.25)), "q2": (ScoredDoc("d3", -7.125),)}
    interval = Interval(0.5, 0.25, 0.75)
    quality = Quality({"ndcg@10": interval}, {"ndcg@10": {"q1": 0.5, "q2": 0.5}}, interval, 0.0)
    result = TrialResult(
        Trial("set", "P"), "ok", dataset={"name": "set"}, inputs=INPUTS, quality=quality, started_at="2026"
    )
    return result, QualityPass(KEY, INPUTS, 10, "logit", Work(pairs=2), run=run, first_stage=run)


def _folder(folder: Path) -> Any:
    """A results folder with both, whole."""
    from bench.store import Store

    shutil.rmtree(folder / "out", ignore_errors=True)
    store = Store(folder / "out")
    result, passed = _made()
    name, checksums = store.write_run(result.trial, "set", KEY, passed.run)
    store.write_result(replace(result, run_file=name, checksums=checksums))
    store.write_quality(passed)
    return store


@contextmanager
def _untold() -> Iterator[None]:
    """What is damaged is told in the log, a thousand times here."""
    logger = logging.getLogger("bench.damage")
    was, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was


def _changed(kind: str) -> Callable[[bytes, Path], None]:
    @_untold()
    def read(data: bytes, folder: Path) -> None:
        from bench.store import read_result
        from bench.types import StoreError

        store, (result, passed) = _folder(folder), _made()
        path = next(store.folder.glob(FILES[kind]))
        of_trial = next((store.folder / "trials").glob("*.json"))
        whole = read_result(of_trial)
        passed = replace(passed, checksums=store.find_pass(KEY, INPUTS, 10).checksums)
        same = data == path.read_bytes()
        in_file(path, data)
        told: StoreError | None = None
        try:
            read = read_result(of_trial)
            assert read == whole
            store.read_run(str(read.run_file), read)
            assert same or kind in ("pass", "ranking"), "another file has been read"
        except StoreError as error:
            told = error
        found, scored = store.find(result.trial, INPUTS), store.find_quality(KEY, INPUTS, 10)
        assert found in (None, whole)
        assert scored in (None, passed)
        if kind == "ranking":
            assert same or scored is None
        elif kind == "run" and not same:
            assert store.lacks(whole)
        if told is not None:
            raise told

    return read


def _older(data: bytes, folder: Path) -> None:
    """A result from before there were checksums says what it says, or is refused."""
    from bench.store import Store, read_result
    from bench.types import Trial

    result = read_result(in_file(folder / f"{Trial('set', 'P').id}.json", data))
    assert json.loads(data)["trial"]["pipeline"] == result.trial.pipeline
    assert Store(folder, to_read=True).find(result.trial, INPUTS) is None


def _rankings(data: bytes, folder: Path) -> None:
    """Rankings and judgements as text: ValueError is what the store takes for damage."""
    from bench.store import format_qrels, format_run, parse_qrels, parse_run

    for parse, written in ((parse_run, lambda run: format_run(run, "quality")), (parse_qrels, format_qrels)):
        try:
            found = parse(data.decode())
        except ValueError:
            continue
        if "nan" not in repr(found):  # which is equal to nothing
            assert parse(written(found)) == found


def _card(data: bytes, folder: Path) -> None:
    from bench.fetch.card import read_set_card

    card = read_set_card(in_file(folder / "card.yaml", data))
    assert card.title.strip()
    assert card.suites
    assert card.origins or card.note.strip()


class _Seeds(Sequence[bytes]):
    """What the store writes, made when it is asked for."""

    def __init__(self, make: Callable[[Any], bytes]) -> None:
        self._make, self._held = make, list[bytes]()

    def __getitem__(self, place: Any) -> Any:
        if not self._held:
            import tempfile

            with tempfile.TemporaryDirectory() as name:
                self._held.append(self._make(_folder(Path(name))))
        return self._held[place]

    def __len__(self) -> int:
        return 1


def _file(kind: str) -> _Seeds:
    return _Seeds(lambda store: next(store.folder.glob(FILES[kind])).read_bytes())


def _unsealed(store: Any) -> bytes:
    from bench.sealed import opened

    result = json.loads(opened(next(store.folder.glob(FILES["result"])).read_bytes()))
    del result["checksums"]
    return json.dumps(result).encode()


CARD = (
    b"title: Small\nmteb: Small\nsuites: [own, beir]\nlanguages: [en]\nlicence: CC BY 4.0\ndescription: A small set.\n"
    b"split: test\ncorpus: 6\nqueries: 3\njudgements: 4\ndrops_own_id: true\norigins:\n"
    b"  - {kind: hub, place: some/set, layout: mteb-retrieval, revision: "
    + b"a"
    * 40
    + b", files: ['data/*.parquet']}\n"
    b"  - {kind: url, place: 'https://some.where/set.zip', layout: beir, md5: '" + b"0" * 32 + b"', size_bytes: 100}\n"
    b"  - {kind: ir, place: beir/small, layout: ir}\nnote: |\n  Two\n  lines.\n"
)
KEYS = (
    b"title", b"suites", b"origins", b"kind: url", b"kind: ir", b"layout: nano", b"revision", b"subset",
    b"files: ['../x']", b"sha256", b"md5", b"size_bytes: 0", b"modelscope: a/b", b"http://", b"drops_own_id: 1",
    b"queries: 1e3", b"origins: []", b"note: ''", b"2026-13-01", b"&a [*a]", b"- " * 400, b"{a: " * 300,
)  # fmt: skip
TARGETS = (
    *(Target(f"stored-{kind}", _changed(kind), _file(kind), WORDS, "", 25) for kind in FILES),
    Target("stored-older", _older, _Seeds(_unsealed), WORDS, ".json", 40),
    Target("rankings", _rankings, (b"q1 Q0 d1 1 0.5 t\nq2 Q0 d 1 -1e-7 t\n", b"q1 0 d1 2\n"), WORDS),
    Target("set-card", _card, (CARD,), KEYS, "card.yaml", 60),
)
