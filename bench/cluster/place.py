"""Trials as tasks of a Ray cluster: one at a time on each machine, again elsewhere when a machine is lost.

Every machine needs the same environment (this package, Ray, the same Python), the config's folder at the same path (a
shared file system, or a copy), and the models in its own cache or on that file system. No token and no environment
variable is sent along. Results come back through Ray, so the results folder is written by this process alone.

A trial takes all CPUs of its machine, and all its GPUs if it needs one, by Ray's account: whatever else the cluster is
asked for, another run of this harness included, waits meanwhile. The machine is chosen here, not by Ray: only so can a
trial ask for all of it without knowing how large it is. A cluster that adds machines on demand is not asked to.

A machine started with ``--num-cpus 0`` runs no trials; start the one that drives the run like that, as it judges
meanwhile. Ray gives its tasks a low priority (nice 15): on machines that are not idle, ``RAY_worker_niceness=0`` in the
environment of ``ray start`` spares them that. Trials of a Ray that is started here run at the usual priority.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter

from bench import __version__
from bench.cluster.placement import Machine, Needs, able, are_alike, choose, machines_of, needs_of, unmet
from bench.cluster.task import task
from bench.job import Job, Report
from bench.machine.device import package_versions
from bench.process import Place, Returned
from bench.types import ConfigError, Progress

RUNNERS = ("local", "ray")
RETRIES = 3
"""How many more machines may be lost under one trial before it is given up."""

_LOOK_AGAIN_S = 1.0
_STOP_S = 10.0
_KNOCK_S = 10.0


def check_runner(runner: str, address: str | None) -> None:
    """Raises ConfigError for a runner that does not exist, cannot be used here, or does not go with the address."""
    if runner not in RUNNERS:
        raise ConfigError(f"--runner is {runner!r}; it can be {', '.join(RUNNERS)}")
    if runner == "ray":
        _ray()
    elif address is not None:
        raise ConfigError(f"--ray-address {address} needs --runner ray")


@contextmanager
def open_place(runner: str, address: str | None, local: Place, tell: Progress) -> Iterator[Place]:
    """The place that ``--runner`` and ``--ray-address`` name; ``local`` is given back for the runner of that name."""
    check_runner(runner, address)
    if runner == "local":
        yield local
    else:
        with RayCluster(address, tell) as cluster:
            yield cluster


class RayCluster:
    """A Place: the Ray cluster at ``address`` (``auto`` or host:port), or without one a Ray of this machine alone.

    A context manager. ``slots`` are the machines that it had when it was entered. Raises ConfigError where Ray is not
    installed, and where no cluster of the same Ray and Python can be joined.
    """

    slots: int

    def __init__(self, address: str | None, tell: Progress) -> None:
        self._address, self._tell = address, tell
        self._busy: set[str] = set()
        self._lost_at: dict[str, float] = {}
        self._streams: set[Any] = set()
        self._changed = threading.Condition()
        self._cancelled = False

    def __enter__(self) -> RayCluster:
        self._ray = _ray()
        self._tell("start Ray" if self._address is None else f"join the Ray cluster at {self._address}", 0, 0)
        _join(self._ray, self._address)
        self._run_trial = self._ray.remote(task(__version__))
        self.slots = max(1, len(self._machines()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._streams, _STOP_S)
        self._ray.shutdown()

    def cancel(self) -> None:
        """Stop every trial that is running; their ``run`` raises CancelledError. Nothing runs here afterwards."""
        with self._changed:
            self._cancelled = True
            streams = tuple(self._streams)
            self._changed.notify_all()
        for stream in streams:
            self._end(stream)

    def run(
        self, job: Job, tell: Progress, may_time: Callable[[], None], time_limit_s: float | None = None
    ) -> Returned:
        """Run the job on a machine that meets the trial's needs, and wait; call it from as many threads as you like.

        ``may_time`` is called before the job is sent, as what it waits for may go on in a machine of the cluster.
        Where no machine can ever take the trial, the report is ``unsupported`` and says what there is.
        """
        needs = needs_of(job.trial)
        payload = TypeAdapter(Job).dump_json(replace(job, base=job.base.resolve(), cache=job.cache.resolve()))
        may_time()
        lost_on: set[str] = set()
        notes: list[str] = []
        while len(notes) <= RETRIES:
            with self._claimed(needs, lost_on, tell) as machine:
                if machine is None:
                    return _none_left(self._machines(), needs, notes)
                try:
                    returned = self._attempt(machine, needs, payload, tell, time_limit_s)
                except _lost(self._ray) as error:
                    self._lost_at[machine.id] = time.monotonic()
                    lost_on.add(machine.id)
                    notes.append(f"{machine.name} was lost while it had this trial ({type(error).__name__})")
                    tell(f"{machine.name} was lost; try elsewhere", 0, 0)
                    continue
            return replace(returned, report=self._noted(returned.report, needs, notes))
        return Returned(Report("failed", f"given up after {len(notes)} losses: {'; '.join(notes)}"))

    def _machines(self) -> tuple[Machine, ...]:
        return machines_of(self._ray.nodes())

    @contextmanager
    def _claimed(self, needs: Needs, lost_on: set[str], tell: Progress) -> Iterator[Machine | None]:
        """A machine for this thread alone, as soon as there is one; None when there will be none."""
        machine = self._wait_for_one(needs, lost_on, tell)
        try:
            yield machine
        finally:
            if machine is not None:
                with self._changed:
                    self._busy.discard(machine.id)
                    self._changed.notify_all()

    def _wait_for_one(self, needs: Needs, lost_on: set[str], tell: Progress) -> Machine | None:
        with self._changed:
            while True:
                self._check_not_cancelled()
                candidates = able(self._machines(), needs)
                if not candidates:
                    return None
                machine = choose(candidates, self._busy, self._lost_at, lost_on, time.monotonic())
                if machine is not None:
                    self._busy.add(machine.id)
                    return machine
                tell("wait for a machine", 0, 0)
                self._changed.wait(_LOOK_AGAIN_S)

    def _attempt(
        self, machine: Machine, needs: Needs, payload: bytes, tell: Progress, time_limit_s: float | None
    ) -> Returned:
        """Run the job on this machine, once. Raises one of Ray's errors when the machine or its worker is lost."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        tell(f"wait for {machine.name} to be free", 0, 0)
        stream = self._run_trial.options(
            num_cpus=machine.cpus,
            num_gpus=machine.gpus if needs.gpus else 0,
            memory=needs.memory_bytes or None,
            scheduling_strategy=NodeAffinitySchedulingStrategy(machine.id, soft=False),
            num_returns="streaming",
            max_retries=0,  # Ray would try on the same machine; another is chosen in `run`
        ).remote(payload, machine.name, package_versions(), time_limit_s)
        try:
            with self._changed:
                self._check_not_cancelled()
                self._streams.add(stream)
            for reference in stream:
                kind, content = self._ray.get(reference)
                if kind == "returned":
                    assert isinstance(content, Returned)
                    return content
                if kind == "unusable":
                    return Returned(Report("failed", content))
                tell(*content)
            self._check_not_cancelled()
            return Returned(Report("failed", f"{machine.name} ended the trial without a result"))
        except BaseException as error:
            return self._fate(error, stream)
        finally:
            with self._changed:
                self._streams.discard(stream)
                self._changed.notify_all()

    def _fate(self, error: BaseException, stream: Any) -> Returned:
        """What an error of the task means for the trial: a report, or the error itself for ``run`` to see."""
        errors = self._ray.exceptions
        if isinstance(error, errors.TaskCancelledError):
            raise CancelledError from error
        if isinstance(error, errors.OutOfMemoryError):
            return Returned(Report("oom", f"Ray ended it as its machine ran out of memory: {_first_line(error)}"))
        if isinstance(error, errors.RayError) and not isinstance(error, _lost(self._ray)):
            return Returned(Report("failed", f"Ray could not run the trial: {error}"))
        if not isinstance(error, errors.RayError):  # an interrupt here: nobody would take the answer
            self._end(stream)
        raise error

    def _end(self, stream: Any) -> None:
        self._ray.cancel(stream, force=True)  # ends the worker, and with it the trial's own process

    def _check_not_cancelled(self) -> None:
        if self._cancelled:
            raise CancelledError

    def _noted(self, report: Report, needs: Needs, notes: list[str]) -> Report:
        said = [*report.notes, *notes]
        if needs.label is None and not are_alike(able(self._machines(), needs)):
            said.append("the cluster's machines are not alike; give trials a `node` to compare their times")
        return replace(report, notes=tuple(said))


def _none_left(machines: tuple[Machine, ...], needs: Needs, notes: list[str]) -> Returned:
    if notes:
        return Returned(Report("failed", f"{'; '.join(notes)}, and {unmet(machines, needs)}"))
    return Returned(Report("unsupported", unmet(machines, needs)))


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ConfigError(f'--runner ray needs Ray ({error}): pip install "rerankbench[ray]"') from error
    return ray


def _join(ray: Any, address: str | None) -> None:
    if address is not None and "://" in address:
        raise ConfigError(f"the Ray address is {address}; give auto or host:port, and run on a machine of that cluster")
    with suppress(
        AttributeError
    ):  # Ray tells of lost machines on stdout, where our table goes, and has no option for it
        ray._private.worker._worker_logs_enabled = False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what is started here reports to nobody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address is None:
        os.environ.setdefault("RAY_worker_niceness", "0")  # a trial is not to give way to other programs
    try:
        _knock(address)
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="CRITICAL",  # losses are reported with the trial that they hit
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = "Ray cannot be started here" if address is None else f"the Ray cluster at {address} cannot be joined"
        raise ConfigError(
            f"{where}: {_first_line(error).rstrip('.')}. Start one with `ray start --head`, and join it from every "
            f"other machine with `ray start --address HOST:6379`, in the same environment"
        ) from error


def _knock(address: str | None) -> None:
    """Raises OSError where nothing answers at host:port; Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


def _lost(ray: Any) -> tuple[type[BaseException], ...]:
    """Ray's errors that say: the machine or the worker is gone, not: the trial went wrong."""
    errors = ray.exceptions
    return (
        errors.WorkerCrashedError,
        errors.NodeDiedError,
        errors.LocalRayletDiedError,
        errors.ObjectLostError,
        errors.TaskUnschedulableError,
    )


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
