"""A real model server for the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.mlserver import CannotInstall, MlServer, installed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def mlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlServer]:
    """MLServer with the digit model; skipped where it cannot be installed."""
    try:
        environment = installed()
    except CannotInstall as error:
        pytest.skip(str(error))
    with MlServer(environment, tmp_path_factory.mktemp("mlserver")) as server:
        yield server
