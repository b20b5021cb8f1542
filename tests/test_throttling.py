"""Counters of throttling: read where the system keeps them, told from before to after, and never guessed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench.machine import throttling
from bench.machine.steadiness import doubts_of_time
from bench.machine.throttling import Quota, Reading, doubts_of_throttling, read_throttling, throttled
from bench.pipeline import Pipeline
from bench.retrievers.bm25 import OkapiRetriever
from bench.speed import speed_pass
from bench.store import Store
from bench.types import Document, Query, Trial, TrialResult


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def cpu_stat(periods: int, throttled: int, **time: int) -> str:
    counts = {"usage_usec": 5, "nr_periods": periods, "nr_throttled": throttled, **time}
    return "".join(f"{name} {value}\n" for name, value in counts.items())


def heat(root: Path, counts: dict[str, tuple[int, int]]) -> None:
    for cpu, (core, package) in counts.items():
        folder = root / "sys/devices/system/cpu" / cpu / "thermal_throttle"
        write(folder / "core_throttle_count", f"{core}\n")
        write(folder / "package_throttle_count", f"{package}\n")


def grown(root: Path, change: Any) -> dict[str, float]:
    """What is found of a change between two readings that are 10 s apart."""
    times = iter((5.0, 15.0))
    before = read_throttling("cpu", root, lambda: next(times))
    change()
    return throttled(before, read_throttling("cpu", root, lambda: next(times)))


def test_a_system_that_counts_nothing_is_no_system_that_was_not_throttled(tmp_path: Path) -> None:
    facts = grown(tmp_path, lambda: None)
    assert facts == {"seconds": 10.0}
    assert doubts_of_throttling(facts) == () == doubts_of_throttling({})


@pytest.mark.parametrize(
    ("own", "folder", "time", "said"),
    [
        ("0::/pod/box\n", "sys/fs/cgroup/pod/box", {"throttled_usec": 2_500_000}, "2.5 s"),
        ("0::/pod/box\n", "sys/fs/cgroup/pod", {"throttled_usec": 2_500_000}, "2.5 s"),  # the quota of the one above
        ("0::/\n", "sys/fs/cgroup", {"throttled_usec": 2_500_000}, "2.5 s"),
        ("4:memory:/a\n3:cpu,cpuacct:/box\n0::/\n", "sys/fs/cgroup/cpu,cpuacct/box", {"throttled_time": 2 * 10**9},
         "2 s"),
        ("3:cpu,cpuacct:/the/host/s/path\n", "sys/fs/cgroup/cpu", {"throttled_time": 2 * 10**9}, "2 s"),
        ("1:cpu:/\n0::/\n", "sys/fs/cgroup/cpu", {"throttled_time": 2 * 10**9}, "2 s"),
        ("0::/../../box\n", "sys/fs/cgroup/unified/box", {"throttled_usec": 2_000_000}, "2 s"),
    ],
)  # fmt: skip
def test_a_quota_is_found_in_either_version(
    tmp_path: Path, own: str, folder: str, time: dict[str, int], said: str
) -> None:
    write(tmp_path / "proc/self/cgroup", own)
    path = tmp_path / folder / "cpu.stat"
    write(path, cpu_stat(1000, 7, **dict.fromkeys(time, 100)))

    def hold_up() -> None:
        write(path, cpu_stat(1100, 27, **{name: value + 100 for name, value in time.items()}))

    facts = grown(tmp_path, hold_up)
    assert (facts["quota_periods"], facts["quota_throttled"]) == (100, 20)
    (doubt,) = doubts_of_throttling(facts)
    assert doubt.startswith("throttled: the CPU quota of its container held the trial up in 20 of 100 periods, " + said)
    assert "raise the quota or set fewer threads, and measure again" in doubt


def test_the_quota_that_held_up_most_is_told_and_others_cgroups_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/pod/box\n")
    held = tmp_path / "sys/fs/cgroup"
    for name in ("pod", "pod/box", "pod/stranger"):
        write(held / name / "cpu.stat", cpu_stat(0, 0, throttled_usec=0))

    def hold_up() -> None:
        for name, count in (("pod", 9), ("pod/box", 3), ("pod/stranger", 50)):
            write(held / name / "cpu.stat", cpu_stat(100, count, throttled_usec=count * 10_000))

    assert grown(tmp_path, hold_up)["quota_throttled"] == 9


@pytest.mark.parametrize("text", ["", "nr_throttled\n", "nr_throttled x\n", "usage_usec 5\n", "\xff"])
def test_a_file_of_another_kind_is_no_counter(tmp_path: Path, text: str) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/\n" if text else "nonsense\n:\n")
    path = tmp_path / "sys/fs/cgroup/cpu.stat"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    assert grown(tmp_path, lambda: None) == {"seconds": 10.0}


def test_a_counter_that_began_anew_says_nothing() -> None:
    before, after = ({"f": Quota(100, 50, 9.0)}, {"f": Quota(3, 1, 0.1)})
    assert throttled(Reading(0, before), Reading(1, after)) == {"seconds": 1}


def test_one_held_up_period_of_a_thousand_is_no_doubt() -> None:
    assert doubts_of_throttling({"quota_periods": 1000, "quota_throttled": 10, "quota_throttled_s": 0.1}) == ()
    assert doubts_of_throttling({"quota_periods": 1000, "quota_throttled": 11, "quota_throttled_s": 0.1})


def test_heat_is_told_by_core_whichever_count_rose(tmp_path: Path) -> None:
    heat(tmp_path, {"cpu0": (4, 4), "cpu1": (0, 4), "cpu2": (0, 0), "cpu10": (1, 1)})
    (tmp_path / "sys/devices/system/cpu/cpufreq").mkdir()
    assert grown(tmp_path, lambda: None) == {"seconds": 10.0, "cores": 4, "heat_cores": 0}
    facts = grown(tmp_path, lambda: heat(tmp_path, {"cpu0": (9, 4), "cpu10": (1, 2)}))
    assert facts == {"seconds": 10.0, "cores": 4, "heat_cores": 2}
    (doubt,) = doubts_of_throttling(facts)
    assert doubt.startswith("throttled: 2 of 4 cores were slowed down for heat")


# -------------------------------------------------------------------------------------------- a stand-in of NVML


class NVMLError(Exception):
    pass


class Nvml(ModuleType):
    """One card: nanoseconds of violation by policy, and the bits of its reasons."""

    NVMLError = NVMLError

    def __init__(self, word: str = "Event") -> None:
        super().__init__("pynvml")
        self.violations, self.bits = {0: 0, 1: 0}, 0
        setattr(self, f"nvmlDeviceGetCurrentClocks{word}Reasons", lambda handle: self.bits)

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetViolationStatus(self, handle: str, policy: int) -> Any:
        if policy not in self.violations:
            raise NVMLError("Not Supported")
        return SimpleNamespace(referenceTime=1, violationTime=self.violations[policy])


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    import torch

    module = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="bbbb"))
    return module


def of_gpu(nvml: Nvml, heat_s: float, power_s: float, bits: int) -> dict[str, float]:
    nowhere = Path("/nowhere")
    before = replace(read_throttling("cuda:0", nowhere), at_s=0.0)
    nvml.violations, nvml.bits = (
        {
            policy: value + round(s * 1e9)
            for (policy, value), s in zip(nvml.violations.items(), (power_s, heat_s), strict=False)
        },
        bits,
    )
    return throttled(before, replace(read_throttling("cuda:0", nowhere), at_s=10.0))


def test_a_gpu_that_was_held_back_by_heat_or_power(nvml: Nvml) -> None:
    facts = of_gpu(nvml, heat_s=1.5, power_s=4, bits=0x04 | 0x20)
    assert facts == {"seconds": 10.0, "gpu_heat_s": 1.5, "gpu_power_s": 4.0, "gpu: heat (software)": 1.0}
    by_heat, by_power = doubts_of_throttling(facts)
    assert by_heat.startswith("throttled: heat held the GPU's clock back for 1.5 of 10 s")
    assert by_power.startswith("throttled: the limit of power held the GPU's clock back for 4 of 10 s")
    assert doubts_of_throttling(of_gpu(nvml, heat_s=0.05, power_s=0.05, bits=0x05)) == ()


@pytest.mark.parametrize("word", ["Event", "Throttle"])
def test_reasons_are_named_where_no_time_is_counted(nvml: Nvml, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    own = Nvml(word)
    own.violations = {}
    monkeypatch.setitem(sys.modules, "pynvml", own)
    facts = of_gpu(own, 0, 0, bits=0x01 | 0x08 | 0x40 | 0x80)
    assert facts.keys() == {"seconds", "gpu: hardware slowdown", "gpu: heat (hardware)", "gpu: power brake"}
    (doubt,) = doubts_of_throttling(facts)
    assert "for a lower clock: hardware slowdown, heat (hardware), power brake; see `nvidia-smi" in doubt


def test_without_the_driver_or_the_package_nothing_is_said(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise NVMLError("Driver Not Loaded")

    nvml.nvmlInit = fail  # type: ignore[method-assign]
    assert of_gpu(nvml, 3, 3, 0xFF) == {"seconds": 10.0}
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert of_gpu(nvml, 3, 3, 0xFF) == {"seconds": 10.0}


# ------------------------------------------------------------------------------------------------ end to end


def test_a_speed_pass_tells_what_rose_while_it_measured_and_the_store_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, clock = tmp_path / "root", iter(range(0, 1000, 10))
    write(root / "proc/self/cgroup", "0::/box\n")
    stat = root / "sys/fs/cgroup/box/cpu.stat"
    write(stat, cpu_stat(10, 0, throttled_usec=0))
    monkeypatch.setattr(
        "bench.speed.read_throttling", lambda device: throttling.read_throttling(device, root, lambda: next(clock))
    )

    class HeldUp(OkapiRetriever):
        def search(self, *args: Any, **options: Any) -> Any:
            before = int(stat.read_text().split()[5])
            write(stat, cpu_stat(10 + 2 * (before + 1), before + 1, throttled_usec=(before + 1) * 50_000))
            return super().search(*args, **options)

    retriever = HeldUp()
    retriever.index([Document("a", "one two"), Document("b", "two three"), Document("c", "four")])
    trial = Trial("set", "BM25", device="cpu", warmup_queries=0, measures=("ndcg@10",))
    cost, _ = speed_pass(
        Pipeline(retriever, None, {}, 2, ""), [Query("q1", "two"), Query("q2", "one")], trial, load_s=0.1,
        index_s=None, baseline_rss_bytes=1, peak_flops_per_s=None, tell=lambda *_: None,
    )  # fmt: skip
    held_up = cost.throttled["quota_throttled"]
    assert held_up >= 3 and cost.throttled["quota_periods"] == 2 * held_up and cost.throttled["seconds"] == 10
    (doubt,) = [each for each in doubts_of_time(cost) if each.startswith("throttled")]
    assert f"in {held_up:.0f} of {2 * held_up:.0f} periods" in doubt
    store = Store(tmp_path / "out")
    store.write_result(TrialResult(trial, "ok", cost=cost, warnings=(doubt,)))
    (kept,) = store.results()
    assert kept.cost is not None and kept.cost.throttled == cost.throttled and kept.warnings == (doubt,)
