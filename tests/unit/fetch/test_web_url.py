"""URLs that people wrote down: which are asked, and what of them is shown."""

from __future__ import annotations

import pytest

from processor.fetch.exchange import URL_LENGTH_MAX, shown, web_url


@pytest.mark.parametrize(
    "text", ["http://a.example", "https://a.example:8443/x?y=1#z", "https://[2606:4700::1111]/", "https://bücher.example/ä"]
)
def test_urls_of_the_web_are_read(text: str) -> None:
    assert web_url(text).host


@pytest.mark.parametrize(
    "text",
    ["", None, 7, "file:///etc/passwd", "ftp://a.example/", "gopher://a.example", "//a.example/", "a.example", "http://", "http:///x", "http://a:b@c.example/",
     "http://a@c.example/", "http://[::1/", "http://a.example:port/", "http://a\nb.example/", "http://a.example/" + "x" * URL_LENGTH_MAX, "unix:///run/x"],
)  # fmt: skip
def test_everything_else_is_refused_with_words(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        web_url(text)


def test_a_query_is_not_shown() -> None:
    assert shown(web_url("https://a.example:8443/x?signature=secret#part")) == "https://a.example:8443/x"
