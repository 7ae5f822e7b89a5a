"""Faults of processes: killed, stopped for too long, made to give up what they hold. Each returns the proof that it struck."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import psutil

from tests.faults.system import SESSION_MS, STAGES, TRANSACTION_MS
from tests.support.processes import Processor
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import random

    from tests.faults.site import Site

RECOVERY_S = 60
ATTEMPTS = 6
NEVER = threading.Event()
ASSIGNED = re.compile(r" (\d+) INFO collectors\.[a-z-]+: assigned partitions \[\d")
GAVE_UP = re.compile(r" (\d+) INFO collectors\.[a-z-]+: gave up partitions \[\d")


def kill_worker(stage: str, site: Site, rng: random.Random) -> str:
    """Kill -9; its supervisor starts another one."""
    before = {each.pid for each in site.system.processors[stage].workers()}
    victim = None
    while victim is None:
        wait_until(lambda: site.system.working(stage), f"a worker of {stage}", RECOVERY_S)
        with site.system.hands_on(stage):  # not one that stands still, since then that would not be proven
            victim = _killed(site.system.working(stage), rng)
    new = wait_until(lambda: {each.pid for each in site.system.working(stage)} - before, f"a new worker of {stage}", RECOVERY_S, 0.1)
    return f"process {victim.pid} is gone, {min(new)} works in its place"


def _killed(workers: list[psutil.Process], rng: random.Random) -> psutil.Process | None:
    """One of them, which is no more; None where there is none, or where it has just ended by itself."""
    if workers:
        victim = rng.choice(workers)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            return victim
    return None


def kill_supervisor(stage: str, site: Site, _: random.Random) -> str:
    """Kill -9 of the process that watches the others; they end by themselves, and a service manager starts it again."""
    processor = site.system.processors[stage]
    before, workers = processor.pid, {each.pid for each in processor.workers()}
    with site.system.hands_on(stage):
        os.kill(before, signal.SIGKILL)
        processor.wait()
        processor.start()
    wait_until(lambda: not any(map(_is_alive, workers)), "workers without a supervisor to end", RECOVERY_S, 0.1)
    wait_until(lambda: site.system.working(stage), f"workers of {stage} under a new supervisor", RECOVERY_S, 0.1)
    return f"supervisor {before} is gone and so are its workers {sorted(workers)}; {processor.pid} has new ones at work"


def kill_api(site: Site, _: random.Random) -> str:
    """Kill -9 of the REST API and of the destination beside it."""
    before = site.system.api.process.pid
    with site.system.hands_on("api"):
        site.system.api.process.kill()
        site.system.restart_api()
    wait_until(site.system.api_answers, "the API", RECOVERY_S, 0.2)
    return f"process {before} is gone, {site.system.api.process.pid} answers"


def kill_connect(site: Site, _: random.Random) -> str:
    """Kill -9 of the Connect worker."""
    before = site.system.connect.running
    with site.system.hands_on("connect"):
        assert site.system.connect.kill(), "there was a worker"
        after = site.system.connect.start()
    wait_until(site.system.sinks_run, "connectors and tasks", RECOVERY_S, 0.5)
    return f"worker {before.pid if before else 0} is gone, {after.pid} runs every connector"


def zombie(site: Site, rng: random.Random) -> str:
    """SIGSTOP for longer than a session: its partitions are given to others, and then it goes on."""
    stage, seconds = rng.choice(STAGES), SESSION_MS / 1000 + rng.uniform(1.5, 3.0)
    victim, others = _stopped(site, rng, stage, seconds)
    return f"process {victim.pid} of {stage} stood still for {seconds:.1f} s, {', '.join(sorted(others))} took over its partitions"


def transaction_timeout(site: Site, rng: random.Random) -> str:
    """SIGSTOP for longer than a transaction may stay open: the broker aborts it."""
    seconds = TRANSACTION_MS / 1000 + rng.uniform(3.0, 5.0)
    for _ in range(ATTEMPTS):  # some stand still between two transactions, and where others are killed without end a stage has long pauses
        stage = rng.choice(STAGES)
        said = {number: len(text) for number, text in site.system.broker_logs().items()}
        victim, _others = _stopped(site, rng, stage, seconds)
        name = f"faults-collectors.{stage}.faults-host.{victim.index}"
        rollback = f"Completed rollback of ongoing transaction for transactionalId {name} due to timeout"
        if brokers := [number for number, text in site.system.broker_logs(said).items() if rollback in text]:
            return f"process {victim.pid} of {stage} stood still for {seconds:.1f} s, broker {brokers[0]} said {rollback!r}"
    return ""


class Stopped(NamedTuple):
    """A process that stood still, and which of its stage's it is."""

    pid: int
    index: str


def _stopped(site: Site, rng: random.Random, stage: str, seconds: float) -> tuple[Stopped, set[str]]:
    """Who stood still, and who took over its partitions."""
    processor = site.system.processors[stage]
    said = len(processor.log())
    with site.system.hands_on(stage):
        victim = wait_until(lambda: _stood_still(site.system.working(stage), rng, seconds), f"a worker of {stage}", RECOVERY_S)
    others = wait_until(lambda: _by_others(processor, said, victim.pid), "others to take over its partitions", RECOVERY_S, 0.2)
    # It is a member again, or another process in its place is.
    wait_until(lambda: len(site.system.working(stage)) == len(processor.workers()) > 1, f"workers of {stage}", RECOVERY_S, 0.2)
    return victim, others


def _stood_still(workers: list[psutil.Process], rng: random.Random, seconds: float) -> Stopped | None:
    """One of them, which did; None where there is none, or where it was killed meanwhile."""
    if not workers:
        return None
    victim = rng.choice(workers)
    with contextlib.suppress(psutil.NoSuchProcess):
        command = victim.cmdline()
        victim.suspend()
        NEVER.wait(seconds)
        victim.resume()
        return Stopped(victim.pid, command[command.index("--worker") + 1])
    return None


def _is_alive(pid: int) -> bool:
    """Whether it runs; one that nobody has buried yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _by_others(processor: Processor, said: int, pid: int) -> set[str]:
    return set(ASSIGNED.findall(processor.log()[said:])) - {str(pid)}


def revoke(site: Site, rng: random.Random) -> str:
    """Another process joins and leaves: partitions are taken from the others while their transactions are open."""
    stage = rng.choice(STAGES)
    said = len(site.system.processors[stage].log())
    settings = site.system.settings(stage).model_copy(update={"instance": "faults-guest"})
    with Processor(settings, 1, stage) as guest:
        wait_until(lambda: ASSIGNED.search(guest.log()), "partitions for a guest", RECOVERY_S, 0.1)
        NEVER.wait(rng.uniform(1.0, 3.0))
        guest.terminate()
    gave = wait_until(lambda: set(GAVE_UP.findall(site.system.processors[stage].log()[said:])), "partitions that were revoked", RECOVERY_S)
    return f"processes {', '.join(sorted(gave))} of {stage} gave up partitions to a guest"


STRIKES = {
    "kill-pre-queue": partial(kill_worker, "pre-queue"),
    "kill-post-queue": partial(kill_worker, "post-queue"),
    "kill-sink": partial(kill_worker, "sink"),
    "kill-pre-queue-supervisor": partial(kill_supervisor, "pre-queue"),
    "kill-post-queue-supervisor": partial(kill_supervisor, "post-queue"),
    "kill-api": kill_api,
    "kill-connect": kill_connect,
    "zombie": zombie,
    "transaction-timeout": transaction_timeout,
    "revoke": revoke,
}
