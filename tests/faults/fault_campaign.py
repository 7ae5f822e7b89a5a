"""Every fault there is, by seed, on everything there is, under load; then the history is held to the oracle.

A strike counts as proven only by what it left behind: another process, bytes that were dropped, a broker's own words. What was taken down
has to come back by itself, but for what a service manager would start again; that is done from here.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from processor import app
from processor.errors import CollectorsError
from processor.kafka.lag import progress
from processor.topics.names import PREDICTIONS, QUEUE, prefixed
from tests.faults import scene, strikes_on_cluster, strikes_on_processes, strikes_on_stream
from tests.faults.ledger import history_of, stored, to_be_stored
from tests.faults.load import Follower, Load, write_releases
from tests.faults.rewriter import Rewriter
from tests.faults.site import NotPossibleHere, Site
from tests.faults.system import System, folder_of_settings
from tests.history.checker import Verdict, check, summary
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.schedule import Plan, Planned

log = logging.getLogger("faults")

STRIKES = {**strikes_on_processes.STRIKES, **strikes_on_cluster.STRIKES, **strikes_on_stream.STRIKES}
WELL_S = 90
SETTLE_S = 180
LOOK_EVERY_S = 1.0
OVERTIME = 1.5
TOLD = 50


@dataclass
class Report:
    """What struck, and what came of it.

    Attributes:
        planned: kinds that the schedule has.
        struck: strikes by kind.
        proven: those of them that left a proof.
        skipped: kinds that this machine does not allow, and why.
        troubles: what did not come back by itself.
        mended: what came back because somebody did what docs/operations.md says: a defect of the brokers, not of what runs on them.
        verdict: of the checker.
    """

    seed: int
    minutes: float
    planned: set[str] = field(default_factory=set)
    produced: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    proven: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    aborted_records: int = 0
    seconds_to_settle: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def kills(self) -> int:
        """How many processes were killed and are proven to have been."""
        return sum(count for kind, count in self.proven.items() if kind.startswith("kill-"))

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, everything came back, and every kind of fault is proven."""
        return not (self.verdict.findings or self.troubles or self.unproven)

    @property
    def unproven(self) -> list[str]:
        """Kinds that were planned, and of which no strike is proven."""
        return sorted(kind for kind in self.planned - self.skipped.keys() if not self.proven[kind])

    def as_json(self) -> str:
        """The summary."""
        fields: dict[str, Any] = {
            "seed": self.seed,
            "minutes": self.minutes,
            "produced": self.produced,
            "expected": self.verdict.expected,
            "read": self.verdict.read,
            **summary(self.verdict.findings),
            "aborted_records": self.aborted_records,
            "kills": self.kills,
            "stalest_catalog_ms": round(self.verdict.stalest_ms),
            "seconds_to_settle": self.seconds_to_settle,
            "faults": {kind: {"struck": count, "proven": self.proven[kind]} for kind, count in sorted(self.struck.items())},
            "unproven": self.unproven,
            "skipped": self.skipped,
            "troubles": self.troubles,
            "mended": self.mended,
            "findings": [str(finding) for finding in self.verdict.findings[:TOLD]],
        }
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode()

    def as_text(self) -> str:
        """The summary, for people."""
        verdict = self.verdict
        found = ", ".join(f"{count} {kind}" for kind, count in summary(verdict.findings).items())
        faults = [f"  {kind}: {count} struck, {self.proven[kind]} proven" for kind, count in sorted(self.struck.items())]
        skipped = (f"  skipped {kind}: {why}" for kind, why in self.skipped.items())
        told = [*skipped, *(f"  mended: {each}" for each in self.mended), *self.troubles, *map(str, verdict.findings[:TOLD])]
        head = f"seed {self.seed}: {self.produced} predictions, {verdict.expected} decisions expected, {verdict.read} read: {found}"
        return "\n".join([head, *faults, *told])


class FaultCampaign:
    """One campaign.

    Args:
        folder: its own, and the working directory; COLLECTORS_CONFIG_FOLDER is its ``settings``.
        plan: what to do.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan = folder, plan
        self._report = Report(plan.seed, plan.minutes, {each.kind for lane in plan.lanes.values() for each in lane})
        self._end_s = plan.minutes * 60 * OVERTIME
        self._lock = threading.Lock()
        self._done = threading.Event()

    def run(self) -> Report:
        """Start everything, let the faults strike, wait until all is settled, and check."""
        settings_folder = folder_of_settings(self._folder / "settings")
        write_releases(settings_folder)
        with System(self._folder) as system:
            system.start_cluster()
            scene.set_up(system.settings(), system.destination)
            rewriter = Rewriter(system.settings())
            system.start_processes()
            load, follower = Load(system.settings(), self._plan.seed, self._plan.rate, settings_folder), Follower(system.settings())
            site = Site(system, load, follower, rewriter)
            load.start()
            follower.start()
            site.wait_until_moving()
            self._strike_all(site)
            load.stop()
            self._recovered(site)
            self._settle(site)
            follower.stop()
            self._stop(site)
            self._check(site)
        return self._report

    def _strike_all(self, site: Site) -> None:
        watch = threading.Thread(target=self._pick_up, args=(site,), name="service-manager", daemon=True)
        began = time.monotonic()
        lanes = [
            threading.Thread(target=self._lane, args=(site, planned, began), name=lane, daemon=True)
            for lane, planned in self._plan.lanes.items()
        ]
        for thread in (watch, *lanes):
            thread.start()
        try:
            for lane in lanes:
                lane.join()
        finally:
            self._done.set()
        watch.join()

    def _pick_up(self, site: Site) -> None:
        """What ended although nobody took it down is started again, and told."""
        while not self._done.wait(LOOK_EVERY_S):
            try:
                fallen = site.system.pick_up()
                mended = site.system.mend()
            except Exception as error:  # noqa: BLE001 - a thread's failure is the run's
                fallen, mended = [f"could not be started again: {error}"], []
            for each in fallen:
                self._trouble(each)
            for each in mended:
                log.warning("MENDED: %s", each)
                self._report.mended.append(each)

    def _lane(self, site: Site, planned: Sequence[Planned], began: float) -> None:
        for each in planned:
            if self._done.wait(max(0.0, began + each.at_s - time.monotonic())):
                return
            if time.monotonic() - began > self._end_s and self._report.proven[each.kind]:
                log.info("no time was left for another %s", each.kind)
                continue
            self._strike(site, each, began)

    def _strike(self, site: Site, planned: Planned, began: float) -> None:
        at_s = time.monotonic() - began
        proof = ""
        try:
            proof = STRIKES[planned.kind](site, random.Random(planned.seed))  # noqa: S311 - as the schedule
        except NotPossibleHere as error:
            log.info("%6.1f s %s: not possible here: %s", at_s, planned.kind, error)
            self._report.skipped[planned.kind] = f"not possible here: {error}"
            return
        except Exception as error:  # noqa: BLE001 - as above
            self._trouble(f"{planned.kind} at {at_s:.1f} s: {error!r}"[:3000])
        with self._lock:
            self._report.struck[planned.kind] += 1
            self._report.proven[planned.kind] += bool(proof)
        took_s = time.monotonic() - began - at_s
        log.info("%6.1f s %s: %s (%.1f s until it was over)", at_s, planned.kind, proof or "NOT PROVEN", took_s)

    def _trouble(self, text: str) -> None:
        log.warning("TROUBLE: %s", text)
        with self._lock:
            self._report.troubles.append(text)

    def _recovered(self, site: Site) -> None:
        try:
            site.system.wait_until_well(WELL_S)
        except AssertionError as error:
            self._trouble(f"not everything came back: {error}")

    def _settle(self, site: Site) -> None:
        began = time.monotonic()
        try:
            wait_until(lambda: not _behind(site), "predictions and candidates to be processed", SETTLE_S, 1.0)
            wanted = to_be_stored(site.settings)
            wait_until(lambda: sum(map(len, stored(self._folder).values())) >= wanted, f"{wanted} inputs to be stored", SETTLE_S, 1.0)
        except AssertionError as error:
            self._trouble(str(error))
        self._report.seconds_to_settle = round(time.monotonic() - began, 1)

    def _stop(self, site: Site) -> None:
        for stage, processor in site.system.processors.items():
            if (status := processor.terminate()) != 0:
                self._trouble(f"{stage} did not stop cleanly (exit {status}): {processor.log()[-2000:]}")

    def _check(self, site: Site) -> None:
        history = history_of(site.settings, site.load, site.follower, site.rewriter, self._folder)
        report, ids = self._report, {each.id for each in history.produced}
        report.produced, report.aborted_records = len(history.produced), len(history.aborted)
        for missing in sorted(site.load.acknowledged - ids)[:TOLD]:
            self._trouble(f"prediction {missing} was acknowledged by the brokers and is not in the log")
        report.verdict = check(history)


def _behind(site: Site) -> bool:
    stages = {"pre-queue": PREDICTIONS, "post-queue": QUEUE}
    try:
        return any(
            progress(site.settings, app.group_id(site.settings, stage), prefixed(site.settings, topic)).lag
            for stage, topic in stages.items()
        )
    except CollectorsError as error:
        log.info("not known yet: %s", error)
        return True
