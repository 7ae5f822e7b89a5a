"""Everything there is, as it runs in production: three brokers, the stages, the REST API with its destination, and a Connect worker.

What is not the supervisor's own to start again is started again from here, as a service manager would.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Self

import httpx

from processor.connect.worker import LocalConnect
from processor.kafka.machine import HOST, free_port
from processor.settings import Settings
from tests.support.cluster import Cluster
from tests.support.processes import REPOSITORY, Processor
from tests.support.secured import Certificates, allowing_only, password_door, set_passwords, with_password
from tests.support.secured_system import secured_worker
from tests.support.serving import Serving
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import psutil

log = logging.getLogger("faults")

STAGES = ("pre-queue", "post-queue")
PARTS = (*STAGES, "sink", "api", "connect")
PREFIX = "faults-"
# Whose rights each of them has. Connectors have those of ``sink``, and are no process of their own.
PRINCIPALS = {part: part for part in PARTS} | {"sink": "controller"}
PROCESSES = {"pre-queue": 2, "post-queue": 2, "sink": 1}
SMALL_DISK_BROKER = 3
DISK_MB = 1536
BROKERS = (1, 2, 3)
START_S = 60
COMMIT_MS, TRANSACTION_MS, SESSION_MS = 500, 8_000, 6_000
# Leaders stay where a fault put them until the campaign moves them; an expired transaction is noticed within a second.
BROKER = {
    "auto.leader.rebalance.enable": "false",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "log.cleaner.backoff.ms": "1000",
    "log.segment.delete.delay.ms": "1000",
    "replica.lag.time.max.ms": "10000",
}
REPLICATED = {f"{topic}.storage.replication.factor": "3" for topic in ("config", "offset", "status")}
# What a coordinator says when a broker with a full disk has refused a marker in a way that it does not know: it sends it no more.
FORGOTTEN = "while sending txn marker"
PID = re.compile(r" (\d+) INFO collectors\.[a-z-]+: assigned partitions \[\d")


class System:
    """All processes of one campaign.

    Args:
        folder: of this campaign alone; the working directory has to be it, since keys' secrets go there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = small_disk(folder / "small-disk")
        data = {SMALL_DISK_BROKER: self.disk} if self.disk else None
        self._certificates = Certificates(folder / "certificates")
        self._passwords = {part: secrets.token_hex(16) for part in (*PRINCIPALS.values(), "sink")}
        # Brokers and the campaign itself come directly, as nobody in particular.
        brokers = BROKER | allowing_only("ANONYMOUS")
        self.cluster = Cluster(folder / "brokers", 3, PARTS, brokers, data, password_door(self._certificates, HOST))
        self.api_port = free_port()
        self.processors: dict[str, Processor] = {}
        # Once, since the environment wins over what is given here, and commands of the campaign run in a changed one for a moment.
        self._settings = {part: self._as_seen_by(part) for part in ("", *PARTS)}
        self._heard: dict[int, int] = {}
        self._hands = {name: threading.RLock() for name in (*PROCESSES, "api", "connect", "brokers")}

    @property
    def destination(self) -> str:
        """Where inputs are posted: the API has the destination beside it."""
        return f"http://{HOST}:{self.api_port}"

    def settings(self, part: str = "") -> Settings:
        """As a part sees the cluster; without one, directly."""
        return self._settings[part]

    def _as_seen_by(self, part: str) -> Settings:
        servers = self.cluster.bootstrap_of(part) if part else self.cluster.bootstrap_servers
        return Settings(
            bootstrap_servers=servers,
            kafka=self._login(PRINCIPALS[part]) if part else {},
            topic_prefix=PREFIX,
            instance="faults-host",
            commit_interval_ms=COMMIT_MS,
            transaction_timeout_ms=TRANSACTION_MS,
        )

    def _login(self, principal: str) -> dict[str, str]:
        return with_password(self._certificates.authority, f"{PREFIX}collectors-{principal}", self._passwords[principal])

    def start_cluster(self) -> None:
        """Start the brokers, and let everybody in; what they may do is said by ``topics apply --acls``."""
        self.cluster.start()
        set_passwords(self.settings(), {f"{PREFIX}collectors-{principal}": word for principal, word in self._passwords.items()})

    def start_processes(self) -> None:
        """Start all that use the cluster; its topics and documents are there."""
        self.connect = LocalConnect(
            self.settings(),
            self.cluster.bootstrap_of("connect"),
            self.folder / "connect",
            secrets=self.folder / ".collectors" / "secrets",
            extra_properties={
                **secured_worker(PREFIX, {part: self._passwords[part] for part in ("connect", "sink")}, self._certificates.authority),
                "offset.flush.interval.ms": "1000",
                **REPLICATED,
            },
        )
        self.connect.start()
        os.environ["COLLECTORS_CONNECT_URL"] = self.connect.url
        self.api = Serving(self.settings("api"), self.folder, self.api_port)
        self.api.start()
        for stage, count in PROCESSES.items():
            self.processors[stage] = Processor(self.settings(stage), count, stage)
            self.processors[stage].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for processor in self.processors.values():
            processor.__exit__()
        if hasattr(self, "api"):
            self.api.__exit__()
        if hasattr(self, "connect"):
            self.connect.kill()
        self.cluster.stop()
        if self.disk:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)

    def hands_on(self, name: str) -> threading.RLock:
        """Held by who takes something down, so that nobody else takes it for fallen."""
        return self._hands[name]

    def restart_api(self) -> None:
        """Start the API again, over and over while the cluster does not answer it."""
        self.api.process.wait()
        wait_until(self._api_started, "the API to start", START_S, 1.0)

    def _api_started(self) -> bool:
        try:
            self.api.start()
        except AssertionError as error:
            log.info("the API did not start: %.300s", error)
            return False
        return True

    def pick_up(self) -> list[str]:
        """Start again what has ended and nobody took down, and name it."""
        fallen = []
        for stage, processor in self.processors.items():
            with self.hands_on(stage):
                if not processor.running():
                    fallen.append(f"the supervisor of {stage} ended (exit {processor.wait()}): {processor.log()[-1500:]}")
                    processor.start()
        with self.hands_on("api"):
            if self.api.process.poll() is not None:
                fallen.append(f"the API ended (exit {self.api.process.returncode}): {self.api.log()[-1500:]}")
                self.restart_api()
        with self.hands_on("connect"):
            if self.connect.running is None:
                fallen.append(f"the Connect worker ended: {self.connect.last_words()}")
                self.connect.start()
        with self.hands_on("brokers"):
            for number in BROKERS:
                if not self.cluster.alive(number):
                    fallen.append(f"broker {number} ended")
                    self.cluster.start_one(number)
        return fallen

    def mend(self) -> list[str]:
        """What people have to do, by docs/operations.md: start a broker again that has forgotten to end a transaction."""
        mended = []
        for number in BROKERS:
            with self.hands_on("brokers"), self.cluster.log_of(number).open(encoding="utf-8", errors="replace") as lines:
                lines.seek(self._heard.get(number, 0))
                forgotten = [line.strip() for line in lines.readlines() if FORGOTTEN in line]
                self._heard[number] = lines.tell()
                if forgotten and self.cluster.kill(number):
                    self.cluster.start_one(number)
                    mended.append(f"broker {number} was started again: {forgotten[0]}")
        return mended

    def broker_logs(self, since: Mapping[int, int] | None = None) -> dict[int, str]:
        """What each broker said after so many characters."""
        texts = {number: self.cluster.log_of(number).read_text(encoding="utf-8", errors="replace") for number in BROKERS}
        return {number: text[since[number] if since else 0 :] for number, text in texts.items()}

    def working(self, stage: str) -> list[psutil.Process]:
        """Workers of a stage that have been given partitions; those of the sink, which has none, that are there."""
        workers = self.processors[stage].workers()
        if stage not in STAGES:
            return workers
        told = set(PID.findall(self.processors[stage].log()))
        return [worker for worker in workers if str(worker.pid) in told]

    def api_answers(self) -> bool:
        """Whether the API has a catalog that it can speak of."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.destination}/readyz", trust_env=False, timeout=2).is_success
        return False

    def sinks_run(self) -> bool:
        """Whether every connector and every task of it runs."""
        with contextlib.suppress(httpx.HTTPError, ValueError, AttributeError, TypeError):
            found = httpx.get(f"{self.connect.url}/connectors?expand=status", trust_env=False, timeout=5).json()
            tasks = [task["state"] for each in found.values() for task in each["status"]["tasks"]]
            return len(tasks) >= len(found) > 0 and set(tasks) == {"RUNNING"}
        return False

    def all_well(self) -> bool:
        """Whether all that runs for ever runs."""
        stages = all(len(self.working(stage)) == count for stage, count in PROCESSES.items())
        return stages and all(self.cluster.alive(number) for number in BROKERS) and self.api_answers() and self.sinks_run()

    def wait_until_well(self, timeout_s: float) -> None:
        """Wait for it.

        Raises:
            AssertionError: something did not come back by itself.
        """
        wait_until(self.all_well, "every process to be at work", timeout_s, 0.5)


def small_disk(path: Path) -> Path | None:
    """A small disk in memory; None where it cannot be had."""
    path.mkdir(parents=True)
    if shutil.which("mount") is None or os.geteuid() != 0:
        return None
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(path)], check=False, capture_output=True)
    return path if made.returncode == 0 else None


def folder_of_settings(folder: Path) -> Path:
    """A copy of what the package ships, that a campaign may change: ``topics.yaml`` and ``schemas``."""
    folder.mkdir()
    shutil.copy(REPOSITORY / "topics.yaml", folder)
    shutil.copytree(REPOSITORY / "schemas", folder / "schemas")
    return folder
