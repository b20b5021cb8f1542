"""Trials on a cluster: what each asks of a machine, who gets which, and a real Ray that loses a machine on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench import __version__
from bench.cluster.place import RETRIES, RayCluster, check_runner, open_place
from bench.cluster.placement import SETTLE_S, Machine, Needs, able, are_alike, choose, machines_of, needs_of, unmet
from bench.cluster.task import carry_out_here, task
from bench.job import RUN, Job
from bench.process import Returned, ThisMachine, run_here
from bench.types import ConfigError, Trial

GB = 1_000_000_000
NEEDS_RAY = 'needs Ray: pip install "rerankbench[ray]"'


def trial(**changes: object) -> Trial:
    return replace(Trial("small", "BM25"), **changes)  # type: ignore[arg-type]


def machine(name: str, **changes: Any) -> Machine:
    return replace(Machine(name, f"host-{name}", 4, 0, 8 * GB), **changes)


def quietly(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


# ----------------------------------------------------------------------------------------------- what a trial needs


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, Needs()),
        ({"device": "cpu"}, Needs()),
        ({"device": "mps"}, Needs()),
        ({"device": "cuda"}, Needs(gpus=1)),
        ({"device": "cuda:0"}, Needs(gpus=1)),
        ({"device": "cuda:3"}, Needs(gpus=4)),
        ({"memory_limit_mb": 2000}, Needs(memory_bytes=2 * GB)),
        ({"node": "orin"}, Needs(label="orin")),
    ],
)
def test_needs_follow_from_the_trial(fields: dict[str, Any], needs: Needs) -> None:
    assert needs_of(trial(**fields)) == needs


def test_machines_are_the_living_nodes_with_processors() -> None:
    def node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
        facts = {"NodeID": name, "Alive": alive, "NodeManagerHostname": f"host-{name}"}
        return {**facts, "Resources": resources}

    found = machines_of(
        [
            node("a234567890", CPU=8.0, GPU=2.0, memory=GB, object_store_memory=GB, orin=1.0, gone=0.0),
            node("dead", alive=False),
            node("head", memory=GB),
            node("idle", CPU=0.0),
        ]
    )
    assert found == (Machine("a234567890", "host-a234567890 (node a2345678)", 8.0, 2, GB, frozenset({"orin"})),)


def test_only_machines_that_meet_every_need_are_able_and_gpus_are_spared() -> None:
    plain, labelled = machine("p"), machine("l", labels=frozenset({"orin"}))
    gpu, small = machine("g", gpus=2), machine("s", memory_bytes=GB)
    everyone = [gpu, plain, labelled, small]
    assert able(everyone, Needs())[-1] == gpu
    assert len(able(everyone, Needs())) == 4
    assert able(everyone, Needs(gpus=2)) == [gpu]
    assert able(everyone, Needs(gpus=3)) == []
    assert able(everyone, Needs(label="orin")) == [labelled]
    assert able(everyone, Needs(label="orin", gpus=1)) == []
    assert small not in able(everyone, Needs(memory_bytes=2 * GB))


def test_what_no_machine_has_is_said_with_what_there_is() -> None:
    there = [machine("a", gpus=1, labels=frozenset({"node:10.0.0.1", "rack7"}))]
    said = unmet(there, Needs(gpus=2, memory_bytes=16 * GB, label="orin"))
    for part in ("2 GPUs", "16000 MB", "'orin'", "--resources '{\"orin\": 1}'", "host-a", "4 CPU, 1 GPU", "rack7"):
        assert part in said
    assert "node:10" not in said
    assert "processor" in unmet([], Needs())


def test_machines_that_differ_in_processors_are_not_alike() -> None:
    assert are_alike([machine("a"), machine("b", memory_bytes=GB)])
    assert not are_alike([machine("a"), machine("b", cpus=8)])
    assert not are_alike([machine("a"), machine("b", gpus=1)])


# ------------------------------------------------------------------------------------------------- who gets which


def test_a_busy_machine_is_never_chosen() -> None:
    a, b = machine("a"), machine("b")
    assert choose([a, b], {"a"}, {}, (), 0.0) == b
    assert choose([a, b], {"a", "b"}, {}, (), 0.0) is None


def test_a_machine_that_lost_a_trial_gets_none_until_it_settled() -> None:
    a, b = machine("a"), machine("b")
    assert choose([a, b], (), {"a": 100.0}, (), 100.0 + SETTLE_S / 2) == b
    assert choose([a], (), {"a": 100.0}, (), 100.0 + SETTLE_S / 2) is None
    assert choose([a], (), {"a": 100.0}, (), 100.0 + SETTLE_S) == a


def test_a_lost_trial_goes_elsewhere_if_there_is_an_elsewhere() -> None:
    a, b = machine("a"), machine("b")
    much_later = 100.0 + 10 * SETTLE_S
    assert choose([a, b], (), {"a": 100.0}, {"a"}, much_later) == b
    assert choose([a, b], {"b"}, {"a": 100.0}, {"a"}, much_later) is None
    assert choose([a], (), {"a": 100.0}, {"a"}, much_later) == a
    assert choose([a], {"a"}, {"a": 100.0}, {"a"}, much_later) is None


# ------------------------------------------------------------------------------------------- what users get wrong


def test_ray_missing_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r'pip install "rerankbench\[ray\]"'):
        check_runner("ray", None)
    with pytest.raises(ConfigError, match="rerankbench"), RayCluster(None, quietly):
        pass


def test_an_address_without_a_cluster_is_an_error_at_once() -> None:
    pytest.importorskip("ray", reason=NEEDS_RAY, exc_type=ImportError)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for wrong, said in ((address, "refused"), ("ray://head:10001", "host:port"), ("nonsense", "cannot be joined")):
            with pytest.raises(ConfigError, match=said), RayCluster(wrong, quietly):
                pass


def test_a_runner_must_exist_and_fit_the_address(tmp_path: Path) -> None:
    here = ThisMachine(tmp_path / "lock")
    with pytest.raises(ConfigError, match="local, ray"), open_place("spark", None, here, quietly):
        pass
    with pytest.raises(ConfigError, match="needs --runner ray"), open_place("local", "auto", here, quietly):
        pass
    with open_place("local", None, here, quietly) as place:
        assert place is here


@pytest.mark.parametrize(
    ("options", "said"), [(["--runner", "spark"], "local, ray"), (["--ray-address", "auto"], "needs --runner ray")]
)
def test_the_command_says_so_before_it_reads_the_config(options: list[str], said: str) -> None:
    command = [sys.executable, "-P", "-m", "bench", "run", "nowhere.yaml", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ConfigError.exit_code
    assert said in done.stderr
    assert "nowhere" not in done.stderr


# ------------------------------------------------------------------------------------------- losing a machine, told


class Gone(Exception):
    """Stands for every error of Ray that says that a machine is gone."""


class Scripted(RayCluster):
    """A cluster without Ray, each of whose machines loses every trial; ``leave`` has it disappear afterwards."""

    def __init__(self, names: str, leave: bool) -> None:
        super().__init__(None, quietly)
        self.there, self.leave = [machine(name) for name in names], leave
        self.tried: list[str] = []
        errors = ("WorkerCrashed", "NodeDied", "LocalRayletDied", "ObjectLost", "TaskUnschedulable")
        self._ray = SimpleNamespace(exceptions=SimpleNamespace(**{f"{name}Error": Gone for name in errors}))

    def _machines(self) -> tuple[Machine, ...]:
        return tuple(self.there)

    def _attempt(self, machine: Machine, *rest: Any) -> Returned:
        self.tried.append(machine.id)
        if self.leave:
            self.there.remove(machine)
        raise Gone


def test_a_trial_that_loses_machine_after_machine_is_given_up(tmp_path: Path) -> None:
    cluster = Scripted("abcdef", leave=False)
    report = cluster.run(job_of(tmp_path), quietly, lambda: None).report
    assert report.status == "failed"
    assert cluster.tried == list("abcdef"[: RETRIES + 1])
    assert report.message.count("was lost") == RETRIES + 1


def test_when_the_last_machine_is_lost_the_trial_fails_and_says_so(tmp_path: Path) -> None:
    cluster = Scripted("ab", leave=True)
    report = cluster.run(job_of(tmp_path), quietly, lambda: None).report
    assert report.status == "failed"
    assert cluster.tried == ["a", "b"]
    assert "host-b was lost" in report.message
    assert "no machine of the cluster" in report.message


# ---------------------------------------------------------------------------------------- what a machine may lack


def job_of(base: Path, cache: Path | None = None) -> Job:
    small = Trial("small", "BM25", depth=5, timed_queries=2, warmup_queries=1, measures=("ndcg@10",))
    return Job(small, base, cache or base, depth=5)


def payload_of(job: Job) -> bytes:
    from pydantic import TypeAdapter

    return TypeAdapter(Job).dump_json(job)


def test_a_machine_without_the_package_or_with_another_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments = (payload_of(job_of(tmp_path)), "host-a", {}, None)
    ((kind, said),) = task("99.0")(*arguments)
    assert kind == "unusable"
    assert "host-a needs rerankbench 99.0" in said
    assert f"it has {__version__}" in said
    monkeypatch.setitem(sys.modules, "bench", None)
    ((kind, said),) = task(__version__)(*arguments)
    assert kind == "unusable"
    assert "none is installed" in said


def test_a_machine_that_does_not_see_the_config_folder_says_so(tmp_path: Path) -> None:
    ((kind, said),) = carry_out_here(payload_of(job_of(tmp_path / "gone")), "host-a", {}, None)
    assert kind == "unusable"
    assert str(tmp_path / "gone") in said
    assert "host-a" in said


def test_other_libraries_on_a_machine_are_noted(tmp_path: Path) -> None:
    job = replace(job_of(tmp_path), trial=trial(dataset="nowhere"))
    *told, (kind, returned) = carry_out_here(payload_of(job), "host-a", {"torch": "0.1"}, None)
    assert kind == "returned"
    assert ("told", ("start on host-a", 0, 0)) in told
    assert returned.report.status == "failed"
    assert "nowhere" in returned.report.message
    assert returned.report.environment["machine"] == "host-a"
    assert any("(not 0.1)" in note and "host-a" in note for note in returned.report.notes)


# ------------------------------------------------------------------------------------------------------ a real Ray


@dataclass
class Heard:
    """What one job told, and when."""

    events: list[tuple[float, str]] = field(default_factory=list)
    on_start: Callable[[str], None] | None = None

    def tell(self, stage: str, done: int, total: int) -> None:
        self.events.append((time.monotonic(), stage))
        if stage.startswith("start on") and self.on_start:
            self.on_start(stage.removeprefix("start on "))


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes, one CPU each, both on this machine; the second has the label ``second``."""
    pytest.importorskip("ray", reason=NEEDS_RAY, exc_type=ImportError)
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)  # only then Ray sets it
        patch.setenv("RAY_worker_niceness", "0")  # as documented for machines that are not idle
        cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        cluster.second = cluster.add_node(**small, resources={"second": 1})
    yield cluster
    cluster.remove_node(cluster.second, allow_graceful=False)
    cluster.shutdown()


@pytest.fixture(scope="module")
def place(nodes: Any) -> Iterator[RayCluster]:
    with RayCluster(nodes.address, quietly) as cluster:
        yield cluster


@pytest.fixture
def spread(place: RayCluster) -> Callable[[list[tuple[Job, Heard]]], list[Returned]]:
    """Runs jobs on the cluster, a thread each, and gives what they returned, in their order."""

    def run(jobs: list[tuple[Job, Heard]]) -> list[Returned]:
        with ThreadPoolExecutor(len(jobs)) as threads:
            return list(threads.map(lambda each: place.run(each[0], each[1].tell, lambda: None), jobs))

    return run


def where(heard: Heard) -> str:
    """The machine that a job was last started on."""
    return [stage for _, stage in heard.events if stage.startswith("start on")][-1]


def test_two_trials_never_run_on_one_machine_at_the_same_time(
    place: RayCluster, spread: Callable[[list[tuple[Job, Heard]]], list[Returned]], small_set: Path
) -> None:
    assert place.slots == 2
    jobs = [(job_of(small_set.parent), Heard()) for _ in range(3)]
    returned = spread(jobs)
    assert [each.report.status for each in returned] == ["ok"] * 3
    spans = []
    for _, heard in jobs:
        ran = [at for at, stage in heard.events if not stage.startswith("wait")]
        spans.append((where(heard), ran[0], ran[-1]))
        assert "answer queries" in {stage for _, stage in heard.events}
    assert len({name for name, _, _ in spans}) == 2
    for name, start, end in spans:
        assert not [1 for other in spans if other[0] == name and start < other[1] < end]


def test_a_trial_keeps_out_what_else_the_cluster_is_asked_for(place: RayCluster, small_set: Path) -> None:
    import ray

    done: list[str] = []

    def ask_for_a_processor(name: str) -> None:
        probe = ray.remote(num_cpus=1, resources={"second": 0.1})(lambda: 1).remote()
        threading.Thread(target=lambda: done.append(f"probe {ray.get(probe)}")).start()

    heard = Heard(on_start=ask_for_a_processor)
    job = job_of(small_set.parent)
    place.run(replace(job, trial=replace(job.trial, node="second")), heard.tell, lambda: None)
    at_the_end = list(done)
    deadline = time.monotonic() + 20
    while not done and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (at_the_end, done) == ([], ["probe 1"])


def test_what_no_machine_has_is_said_at_once_and_nothing_hangs(place: RayCluster, small_set: Path) -> None:
    job = job_of(small_set.parent)
    for fields, said in (({"device": "cuda:0"}, "1 GPU"), ({"node": "orin"}, "'orin'")):
        report = place.run(replace(job, trial=replace(job.trial, **fields)), quietly, lambda: None).report  # type: ignore[arg-type]
        assert report.status == "unsupported"
        assert said in report.message


def test_a_folder_that_the_machines_do_not_see_fails_the_trial_and_says_so(place: RayCluster, tmp_path: Path) -> None:
    report = place.run(job_of(tmp_path / "gone"), quietly, lambda: None).report
    assert report.status == "failed"
    assert str(tmp_path / "gone") in report.message


def trial_processes() -> list[psutil.Process]:
    """The processes of trials that this test has running now, through a cluster or not."""
    return [each for each in psutil.Process().children(recursive=True) if "bench.child" in each.cmdline()]


def test_ray_does_not_choose_the_threads_of_a_trial(place: RayCluster, small_set: Path) -> None:
    found: list[dict[str, str]] = []

    def look(stage: str, done: int, total: int) -> None:
        if stage == "read the set":
            found.extend(process.environ() for process in trial_processes())

    place.run(job_of(small_set.parent), look, lambda: None)
    assert len(found) == 1
    assert found[0].get("OMP_NUM_THREADS") is None


def never_ends(labelled_set: Path) -> None:
    """Make reading the set wait for ever: its corpus becomes a pipe that nobody writes to."""
    corpus = labelled_set / "corpus.jsonl"
    corpus.unlink()
    os.mkfifo(corpus)


def test_a_trial_that_dies_alone_is_a_result_and_no_lost_machine(place: RayCluster, small_set: Path) -> None:
    never_ends(small_set)

    def kill(stage: str, done: int, total: int) -> None:
        if stage == "read the set":
            trial_processes()[0].kill()

    report = place.run(job_of(small_set.parent), kill, lambda: None).report
    assert report.status in ("oom", "failed")
    assert "SIGKILL" in report.message
    assert not [note for note in report.notes if "lost" in note]
    report = place.run(job_of(small_set.parent), quietly, lambda: None, time_limit_s=1.5).report
    assert report.status == "timeout"


INTERRUPTED = """
import signal, sys, threading
from concurrent.futures import CancelledError
from pathlib import Path
from bench.cluster.place import RayCluster
from bench.job import Job
from bench.types import Trial

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with Ctrl-C ignored

def run():
    base = Path(sys.argv[2])
    try:
        cluster.run(Job(Trial("small", "BM25"), base, base), lambda *told: print(told[0], flush=True), lambda: None)
    except CancelledError:
        print("cancelled")

with RayCluster(sys.argv[1], lambda *told: None) as cluster:
    if sys.argv[3] == "thread":
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal there")
@pytest.mark.parametrize("caller", ["main", "thread"])
def test_an_interrupt_ends_the_trials_on_every_machine(
    nodes: Any, place: RayCluster, small_set: Path, caller: str
) -> None:
    never_ends(small_set)
    command = [sys.executable, "-P", "-c", INTERRUPTED, nodes.address, str(small_set.parent), caller]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert any(line.strip() == "read the set" for line in process.stdout)
            running = trial_processes()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert len(running) == 1
    assert not psutil.wait_procs(running, timeout=20)[1]
    assert ("cancelled" in out) == (caller == "thread")
    assert err.strip().endswith("KeyboardInterrupt")


def test_a_killed_machine_costs_no_trial_and_no_ranking(
    nodes: Any, spread: Callable[[list[tuple[Job, Heard]]], list[Returned]], small_set: Path
) -> None:
    """The last test of this cluster, as one of its machines is gone afterwards."""
    killed: list[str] = []

    def kill(name: str) -> None:
        if nodes.second.node_id[:8] in name and not killed:
            killed.append(name)
            raylet = psutil.Process(nodes.second.all_processes["raylet"][0].process.pid)
            for process in (raylet, *raylet.children(recursive=True)):  # as when a machine loses its power
                process.kill()

    job = job_of(small_set.parent)
    shallow = replace(job, trial=replace(job.trial, depth=1), depth=1)
    jobs = [(each, Heard(on_start=kill)) for each in (job, shallow, job, shallow)]
    returned = spread(jobs)
    assert [each.report.status for each in returned] == ["ok"] * 4, [each.report.message for each in returned]
    lost = [note for each in returned for note in each.report.notes if "was lost" in note]
    assert len(lost) == 1
    assert killed[0] in lost[0]
    survivors = {each.report.environment["machine"] for each in returned}
    assert len(survivors) == 1
    assert killed[0] not in survivors
    here = [run_here(each, quietly, lambda: None).files[RUN] for each in (job, shallow)]
    assert here[0] != here[1]
    assert [each.files[RUN] for each in returned] == here * 2
