"""How tests are handed to workers: a file at a time, as xdist has it, and on to the end when a worker has crashed.

xdist (3.8) hands out again all files that a crashed worker had, finished ones too. A worker that gets a finished one is told nothing, says
nothing, and is asked no more: once each has had one at last, everybody waits for ever. The same becomes of a worker that takes a crashed
one's place and is given a single test, since a test is begun when the next one is known. And the test that crashed is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController


ENOUGH_TO_BEGIN = 2


class FilesOnce(LoadFileScheduling):  # type: ignore[misc]  # xdist is not typed
    """Hands files to workers; of what a crashed one had, only what is left."""

    def remove_node(self, node: WorkerController) -> str | None:
        """Take back what a worker had.

        Returns:
            The test that it crashed in, which is not tried again; None: it had done everything.
        """
        had = self.assigned_work.pop(node)
        crashed = next((test for tests in had.values() for test, is_done in tests.items() if not is_done), None)
        if crashed is None:
            return None
        for file, tests in had.items():
            left = {test: is_done or test == crashed for test, is_done in tests.items()}
            if not all(left.values()):
                self.workqueue[file] = left
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed

    def _reschedule(self, node: WorkerController) -> None:
        """Give a worker more where it has little, and never so little that it waits."""
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < ENOUGH_TO_BEGIN:
            self._assign_work_unit(node)
