"""What the second stage must come to, said the slow and plain way: candidates of one collector one after another, over dicts.

Imports nothing of ``processor``. Limits are the documents' own mappings.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import xxhash

from tests.support.oracle import group_hash
from tests.support.oracle_operators import float32, uncertainty

US = 1_000_000
SECONDS = {"per_minute": 60, "per_hour": 3600, "per_day": 86400}


class SecondOracle:
    """One collector's limits.

    Args:
        quota: as in its document; None: none.
        duplicates: as in its document; None: none. Only ``input_id`` and ``content`` are known here.
    """

    def __init__(self, quota: dict[str, int] | None, duplicates: dict[str, Any] | None) -> None:
        self.quota = quota or {}
        self.duplicates = duplicates
        self.collected: list[tuple[int, dict[str, Any]]] = []
        self.newest: dict[str, int] = {}

    def judge(self, keys: dict[str, Any], at_us: int) -> str:
        """``collected``, ``duplicate`` or ``over_quota``.

        Args:
            keys: what it is compared by, by name; None is like nothing.
            at_us: its time.
        """
        if self.duplicates and self._is_duplicate(keys, at_us):
            return "duplicate"
        if self._is_over_quota(at_us):
            return "over_quota"
        self.collected.append((at_us, keys))
        for name, seconds in SECONDS.items():
            self.newest[name] = max(self.newest.get(name, 0), at_us // (seconds * US))
        return "collected"

    def _is_duplicate(self, keys: dict[str, Any], at_us: int) -> bool:
        assert self.duplicates is not None
        window = self.collected[-self.duplicates["window_count"] :]
        return any(
            keys[name] is not None and keys[name] == before[name] and abs(at_us - then) <= self.duplicates["window_seconds"] * US
            for then, before in window
            for name in self.duplicates["by"]
        )

    def _is_over_quota(self, at_us: int) -> bool:
        if len(self.collected) >= self.quota.get("total", 1 << 60):
            return True
        for name, limit in self.quota.items():
            if name == "total":
                continue
            window = at_us // (SECONDS[name] * US)
            if self.collected and window <= self.newest[name] - 2:
                return True
            counts = Counter(then // (SECONDS[name] * US) for then, _ in self.collected)
            if counts[window] >= limit:
                return True
        return False


class Outliers:
    """One ``outlier`` node of one collector: lists of all that ever came."""

    def __init__(self, quantile: float, window: int, warm_up: int) -> None:
        self.quantile, self.window, self.warm_up = Fraction(str(quantile)), window, warm_up  # the decimal that was written
        self.mean: list[float] = []
        self.distances: list[float] = []

    def distance(self, vector: list[float]) -> float | None:
        if not vector or len(vector) > 4096 or not all(map(math.isfinite, vector)):
            return None
        if not self.distances:
            return 0.0
        if len(vector) != len(self.mean):
            return None
        return math.sqrt(math.fsum((x - m) * (x - m) for x, m in zip(vector, self.mean, strict=True)))

    def chance(self, vector: list[float]) -> float:
        distance, latest = self.distance(vector), sorted(self.distances[-self.window :])
        if distance is None or len(latest) < self.warm_up:
            return 0.0
        rank = max(1, math.ceil(self.quantile * len(latest)))
        return 1.0 if distance > latest[rank - 1] else 0.0

    def take(self, vector: list[float], _: float) -> None:
        distance = self.distance(vector)
        if distance is None:
            return
        weight = 1 / min(len(self.distances) + 1, self.window)
        self.mean = [m + (x - m) * weight for x, m in zip(vector, self.mean, strict=True)] if self.distances else vector
        self.distances.append(distance)


class Budgets:
    """One ``budget`` node of one collector."""

    def __init__(self, share: float, floor: float, tolerance: float, window: int, warm_up: int) -> None:
        self.share, self.floor, self.tolerance, self.window, self.warm_up = share, floor, tolerance, window, warm_up
        self.taken: list[tuple[float | None, float]] = []

    def chance(self, score: float | None) -> float:
        latest = self.taken[-self.window :]
        if len(latest) < self.warm_up:
            return self.share
        spent = math.fsum(chance for _, chance in latest)
        if spent > (self.share + self.tolerance) * len(latest):
            return self.floor
        if spent < (self.share - self.tolerance) * len(latest):
            return 1.0
        return self.floor if score is None else self._by_score(score, [each for each, _ in latest if each is not None])

    def _by_score(self, score: float, scores: list[float]) -> float:
        if not scores or self.floor == 1:
            return self.share
        # Of as many scores as the share allows, beside what the floor takes, the lowest is the threshold.
        allowed = (self.share - self.floor) / (1 - self.floor) * len(scores)
        threshold = sorted(scores, reverse=True)[min(math.floor(allowed), len(scores) - 1)]
        if score != threshold:
            return 1.0 if score > threshold else self.floor
        left = allowed - sum(each > threshold for each in scores)
        return min(1.0, self.floor + (1 - self.floor) * (left / scores.count(threshold)))

    def take(self, score: float | None, chance: float) -> None:
        self.taken.append((score, chance))


Node = dict[str, Any]
Decide = Callable[[Node, Any], bool]


class Broken(Exception):
    """A model that is asked fails."""


class PostWorkflowOracle:
    """One collector's post-queue workflow, gone through once for every outcome of its samplers.

    Args:
        key: of the collector.
        nodes: each after its inputs: ``id``, ``type``, ``params``, ``inputs``.
    """

    def __init__(self, key: str, nodes: list[Node]) -> None:
        self.key, self.nodes = key, nodes
        read = {name for node in nodes for name in node["inputs"]}
        self.leaves = [node["id"] for node in nodes if node["id"] not in read]
        self.memory: dict[str, Any] = {}
        for node in nodes:
            if node["type"] == "outlier":
                self.memory[node["id"]] = Outliers(**node["params"])
            elif node["type"] == "budget":
                self.memory[node["id"]] = Budgets(**{name: value for name, value in node["params"].items() if name != "score"})

    def judge(self, seen: dict[str, Any]) -> tuple[str, float]:
        """The outcome as far as the workflow goes (``passed``, or why not), and the inclusion probability of what passes."""
        chances: dict[str, float] = {}
        reached: list[tuple[Node, Any]] = []

        def really(node: Node, what: Any) -> bool:
            chances[node["id"]] = self._chance(node, what)
            reached.append((node, what))
            return self._draw(node, seen["id"]) < chances[node["id"]]

        try:
            passed, blamed = self._run(seen, really)
            probability = self._inclusion(seen) if passed else 0.0
        except Broken:
            return "model_failed", 0.0
        for node, what in reached:
            if node["id"] in self.memory:
                self.memory[node["id"]].take(what, chances[node["id"]])
        return "passed" if passed else "post_queue_empty" if blamed else "not_sampled", probability

    def _inclusion(self, seen: dict[str, Any]) -> float:
        """Over all outcomes; of samplers that are not reached, one outcome stands for both."""
        samplers = [node["id"] for node in self.nodes if node["type"] in {"outlier", "budget", "random-sample"}]
        total = 0.0
        for outcome in itertools.product((True, False), repeat=len(samplers)):
            keeps, weights = dict(zip(samplers, outcome, strict=True)), dict[str, float]()

            def supposed(node: Node, what: Any, keeps: dict[str, bool] = keeps, weights: dict[str, float] = weights) -> bool:
                chance = self._chance(node, what)
                weights[node["id"]] = chance if keeps[node["id"]] else 1 - chance
                return keeps[node["id"]]

            try:
                passed, _ = self._run(seen, supposed)
            except Broken:
                if math.prod(weights.values()) > 0:
                    raise
                continue
            if passed and all(keeps[name] for name in keeps if name not in weights):
                total += math.prod(weights.values())
        return total

    def _run(self, seen: dict[str, Any], decide: Decide) -> tuple[bool, bool]:
        """Whether a leaf is not empty, and whether something else than samplers emptied one."""
        given: dict[str, Any] = {}
        blamed: dict[str, bool] = {}
        for node in self.nodes:
            before = [given[name] for name in node["inputs"]] if node["inputs"] else [{}]
            some = [each for each in before if each is not None]
            name = node["id"]
            given[name], blamed[name] = None, any(blamed[each] for each in node["inputs"])
            if some:
                given[name] = self._node(node, _union(some), seen, decide)
                blamed[name] = given[name] is None and node["type"] in {"model", "concept-threshold"}
        return any(given[leaf] is not None for leaf in self.leaves), any(blamed[leaf] for leaf in self.leaves)

    def _node(self, node: Node, given: dict[str, Any], seen: dict[str, Any], decide: Decide) -> dict[str, Any] | None:
        if node["type"] == "model":
            answer = seen["answers"][node["id"]]
            if answer is None:
                raise Broken
            return answer if any(answer.values()) else None
        if node["type"] == "concept-threshold":
            left = {name: value for name, value in given.get("concepts", {}).items() if value > node["params"]["value"]}
            return {"concepts": left} if left else None
        if node["type"] == "outlier":
            keeps = decide(node, given.get("embedding") or seen["embedding"])
        elif node["type"] == "budget":
            concepts = given.get("concepts") or seen["concepts"]
            keeps = decide(node, _score(node["params"]["score"], list(concepts.values())))
        else:
            keeps = decide(node, None)
        return given if keeps else None

    def _chance(self, node: Node, what: Any) -> float:
        if node["type"] == "random-sample":
            return float(node["params"]["keep_fraction"])
        return float(self.memory[node["id"]].chance(what))

    def _draw(self, node: Node, prediction_id: str) -> float:
        """From 0 to 1: a random sample's of its group, a streaming one's of a hash of its own."""
        key = f"{self.key}/post-queue/{node['id']}"
        if node["type"] != "random-sample":
            return (xxhash.xxh3_64_intdigest(f"{key}/{node['type']}\0{prediction_id}".encode()) >> 11) / 2**53
        taken: set[int] = set()
        for each in self.nodes:
            if each["type"] == "random-sample":
                salt = xxhash.xxh3_64_intdigest(f"{self.key}/post-queue/{each['id']}".encode())
                group = next(number for i in range(16) if (number := (salt + i) % 16) not in taken)
                taken.add(group)
                if each is node:
                    break
        return (group_hash(f"{prediction_id}\0post-queue", group) + salt) % 2**64 / 2**64


def _union(some: list[dict[str, Any]]) -> dict[str, Any]:
    """Concepts with the larger value, an embedding of the first that has one."""
    concepts: dict[str, float] = {}
    for each in some:
        for name, value in each.get("concepts", {}).items():
            concepts[name] = max(value, concepts.get(name, value))
    embedding = next((each["embedding"] for each in some if each.get("embedding")), None)
    return {"concepts": concepts, "embedding": embedding}


def _score(strategy: str, values: list[float]) -> float | None:
    """How unsure; the unsure side is up."""
    found = uncertainty(strategy, values)
    if found is None:
        return None
    return -float32(found) if strategy == "margin" else float32(found)
