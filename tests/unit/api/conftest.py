"""One API a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api, api

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def there() -> Iterator[Api]:
    with api() as found:
        yield found
