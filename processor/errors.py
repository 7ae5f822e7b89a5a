"""Every error this package raises, named by what the caller does next.

::

    CollectorsError                   exit 1
    ├── FixUsage                      exit 2: the command line or the settings are wrong
    ├── FixDocuments                  the documents have problems; all of them are listed
    ├── FixCluster                    a topic, a permission or a broker is not as it must be
    │   └── ClusterAway               no broker answers, or not as it should: a command fails, a processor tries again
    ├── FixMachine                    this machine lacks a port, disk space, a folder or the network
    ├── TooManyBadRecords             stop and look at the dead letters
    └── RestartProcess                exit 75: drop everything in memory, start again under the same id
        └── Fenced                    exit 76: the same, and the supervisor counts how often
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CHANGES = 3
EXIT_RESTART = 75
EXIT_FENCED = 76

PROBLEMS_MAX = 100
"""Problems of one document that are told: whoever has more has one mistake many times."""


class CollectorsError(Exception):
    """Base of all errors; its text says what happened, where, and what to do next."""

    exit_code: ClassVar[int] = EXIT_FAILED


class FixUsage(CollectorsError):
    """The command line, the environment or the settings file is wrong."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one document.

    Attributes:
        document: which document, for people: ``file.yaml#2 Collector acme/quality/a-tenth``.
        path: the field, as in ``nodes[0].model.id``; empty for the document itself.
        message: the rule that does not hold and what to do.
        code: the public contract's status code, 0 where it has none.
    """

    document: str
    path: str
    message: str
    code: int = 0

    def __str__(self) -> str:
        where = f"{self.document}: {self.path}" if self.path else self.document
        return f"{where}: {self.message}"


class FixDocuments(CollectorsError):
    """Documents with problems: all of them, never only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class FixCluster(CollectorsError):
    """Something on the cluster is missing, refused or different; the text says what to change."""


class ClusterAway(FixCluster):
    """No broker answers, or not as it should; nothing is known to need a change, so trying again later may do."""


class FixMachine(CollectorsError):
    """This machine lacks something: a free port, disk space, a folder it may write to, the network; the text says which and what to do."""


class TooManyBadRecords(CollectorsError):
    """So many records could not be processed that the fault is more likely in the code or the topic than in them."""


class RestartProcess(CollectorsError):
    """The client can no longer be trusted: end the process; its supervisor starts it again under the same id."""

    exit_code = EXIT_RESTART


class Fenced(RestartProcess):
    """Another producer began under our transactional id, or our transaction timed out: more than a few are a configuration fault."""

    exit_code = EXIT_FENCED
