"""The page for people: open on this machine only, and nothing that was posted is ever markup."""

from __future__ import annotations

import base64
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from processor.destination.app import Options
from processor.destination.server import is_loopback
from tests.support.embedded_destination import OTHERS, PNG, READS, collected_by, destination, image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.support.embedded_destination import Client


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Client]:
    """Open, as on a loopback address."""
    with destination(f"sqlite:///{tmp_path}/inputs.db", Options(gallery_is_open=True)) as client:
        yield client


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Client]:
    """With a key, as on any other address."""
    with destination(f"sqlite:///{tmp_path}/inputs.db") as client:
        client.post(image("a"))
        client.post(image("z"), secret=OTHERS, path="/v2/inputs")
        yield client


def sources(page: httpx.Response) -> list[str]:
    return [unescape(each) for each in re.findall(r'<img [^>]*src="([^"]*)"', page.text)]


def links(page: httpx.Response) -> list[str]:
    return [unescape(each) for each in re.findall(r'<a[^>]* href="([^"]*)"', page.text)]


def as_password(secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"anybody:{secret}".encode()).decode()}


def test_an_empty_page_says_so(there: Client) -> None:
    assert "Nothing here yet" in there.get("/", None).text


def test_images_are_shown_newest_first_by_collector(there: Client) -> None:
    there.post(image("a", metadata=collected_by("acme/quality/tenth")))
    there.post(image("b", metadata=collected_by("acme/quality/unsure")))
    page = there.get("/", None)
    assert sources(page) == [f"gallery/acme/quality/{each}/image" for each in "ba"]
    assert there.get(f"/{sources(page)[0]}", None).content == PNG
    (tenth,) = [link for link in links(page) if link.endswith("tenth")]
    assert sources(there.get(f"/{tenth}", None)) == ["gallery/acme/quality/a/image"]


def test_pages_lead_to_older_and_newer_inputs(there: Client) -> None:
    there.post(*(image(f"i-{number}") for number in range(100)))
    first = there.get("/", None)
    (older,) = [link for link in links(first) if "page=2" in link]
    second = there.get(f"/{older}", None)
    assert len({*sources(first), *sources(second)}) == len(sources(first)) + len(sources(second)) == 100
    assert any("page" not in link and "user" in link for link in links(second))


@pytest.mark.parametrize("page", ["0", "-1", "x", "٣", "99999999999999999999", "1e9"])
def test_any_page_number_gives_a_page(there: Client, page: str) -> None:
    there.post(image("a"))
    assert there.get("/", None, page=page, app="no", user="such", collector="thing").status_code == 200


def test_nothing_that_was_posted_becomes_markup(there: Client) -> None:
    evil = "\"'><script>alert(1)</script>"
    there.post({"id": "a", "data": {"text": {"raw": evil}, "image": {"url": f"https://x/{evil}"}, "metadata": collected_by(evil)}})
    there.post({"id": "b", "data": {"image": {"url": f"javascript:{evil}"}, "video": {"url": f"https://x/{evil}"}}})
    page = there.get("/", None)
    assert "<script" not in page.text
    assert sources(page) == [f"https://x/{evil}"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", ""])
def test_a_name_of_somebody_elses_opens_nothing(there: Client, host: str) -> None:
    """A site can have its own name resolve to this machine, and have a browser here ask for it."""
    there.post(image("a"))
    for path in ("/", "/gallery/acme/quality/a/image"):
        answer = there.get(path, None) if not host else there.ask("GET", path, None, headers={"host": host})
        assert answer.status_code == (403 if host else 200)


@pytest.mark.parametrize("host", ["localhost", "localhost:8100", "127.0.0.1:8100", "[::1]:8100"])
def test_this_machine_has_several_names(there: Client, host: str) -> None:
    assert there.ask("GET", "/", None, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/gallery/acme/quality/a/image", "/gallery/style.css"])
def test_elsewhere_a_browser_is_asked_for_a_key(elsewhere: Client, path: str) -> None:
    for headers in ({}, as_password("wrong"), as_password(""), {"authorization": "Basic ?"}, {"authorization": f"Key {READS}"}):
        answer = elsewhere.ask("GET", path, None, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert PNG not in answer.content


def test_elsewhere_a_key_shows_its_own_app_only(elsewhere: Client) -> None:
    page = elsewhere.ask("GET", "/", None, headers=as_password(READS))
    assert sources(page) == ["gallery/acme/quality/a/image"]
    assert "zoe" not in page.text
    found = [elsewhere.ask("GET", f"/gallery/{path}/image", None, headers=as_password(READS)) for path in ("acme/quality/a", "zoe/farm/z")]
    assert [answer.status_code for answer in found] == [200, 404]


def test_only_a_loopback_address_is_this_machines_own() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.0.1", "example.com", "")] == [False] * 5  # noqa: S104 - asked, not bound
