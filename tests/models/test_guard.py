"""Nothing but the public internet and what ops allow is connected to: with real servers, real sockets, and name servers that lie."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from processor.fetch import CallFailed, Failure
from tests.support.served import Bench, Document, Given, Names, bench, number, run, tensors
from tests.support.sites import Site, always, answer

if TYPE_CHECKING:
    from pathlib import Path

ANY_TYPE = ("",)
INSIDE = "127.0.0.2"  # stands for the public internet: the one address that these tests allow
ONLY_INSIDE = {"allowed_networks": [f"{INSIDE}/32"]}
OUT_OF_BOUNDS = ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
SPELLINGS = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0x7f.0.0.1",
    "127.1",
    "0",
    "0.0.0.0",  # noqa: S104 - a host that is asked for
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
]
NO_HOSTS = ["0177.0.0.1", "\uff11\uff12\uff17.0.0.1", "127.0.0.1%00.example", "[fe80::1%25lo]", "127.0.0.256"]


async def refusal(there: Bench, url: str) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        await there.host.fetcher.fetch(url, ANY_TYPE)
    return raised.value


@pytest.mark.parametrize("host", SPELLINGS)
def test_this_machine_is_not_asked_however_its_address_is_spelt(host: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"secret"))) as site, bench(Given(tmp_path, {"allowed_networks": []})) as there:
            found = await refusal(there, site.url(host=host))
            assert found.reason is Failure.FORBIDDEN_ADDRESS, found
            assert site.connections == 0

    run(scenario())


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_no_standard_takes_for_a_host_is_not_asked_at_all(host: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"secret"))) as site, bench(Given(tmp_path, {"allowed_networks": []})) as there:
            found = await refusal(there, site.url(host=host))
            assert found.reason in {Failure.BAD_INPUT, Failure.UNREACHABLE}, found
            assert site.connections == 0

    run(scenario())


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "10.1.2.3", "192.168.0.1", "100.64.0.1", "[fe80::1]", "224.0.0.1"])
def test_addresses_of_the_inside_are_refused_by_default(host: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(Given(tmp_path, {"allowed_networks": []})) as there:
            found = await refusal(there, f"http://{host}/latest/meta-data/iam/security-credentials/?token=hidden")
            assert found.reason is Failure.FORBIDDEN_ADDRESS, found
            assert "COLLECTORS_ALLOWED_NETWORKS" in found.detail
            assert "hidden" not in str(found)

    run(scenario())


def test_an_allowed_network_can_be_reached(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"fine")), INSIDE) as site, bench(Given(tmp_path, ONLY_INSIDE)) as there:
            assert await there.host.fetcher.fetch(site.url(), ANY_TYPE) == b"fine"

    run(scenario())


@pytest.mark.parametrize("address", OUT_OF_BOUNDS)
def test_a_name_that_leads_inside_is_refused(address: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"secret"))) as site:
            given = Given(tmp_path, ONLY_INSIDE, Names(evil_example=[[address]]))
            async with bench(given) as there:
                found = await refusal(there, site.url(host="evil.example"))
                assert found.reason is Failure.FORBIDDEN_ADDRESS, found
                assert site.connections == 0

    run(scenario())


def test_one_forbidden_address_among_a_names_addresses_is_enough(tmp_path: Path) -> None:
    async def scenario() -> None:
        given = Given(tmp_path, ONLY_INSIDE, Names(evil_example=[[INSIDE, "127.0.0.1"]]))
        async with Site(always(answer()), INSIDE) as site, bench(given) as there:
            assert (await refusal(there, site.url(host="evil.example"))).reason is Failure.FORBIDDEN_ADDRESS
            assert site.connections == 0

    run(scenario())


def test_the_address_that_was_checked_is_the_one_connected_to(tmp_path: Path) -> None:
    """A name server that answers with a harmless address first, and with another one when it is asked again."""

    async def scenario() -> None:
        names = Names(evil_example=[[INSIDE], ["127.0.0.1"]])
        async with Site(always(answer(body=b"harmless")), INSIDE) as site, bench(Given(tmp_path, ONLY_INSIDE, names)) as there:
            assert await there.host.fetcher.fetch(site.url(host="evil.example"), ANY_TYPE) == b"harmless"
            assert names.asked == ["evil.example"]
            again = await refusal(there, site.url(host="evil.example"))
            assert again.reason is Failure.FORBIDDEN_ADDRESS

    run(scenario())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "evil.example"])
def test_a_redirect_to_the_inside_is_refused(status: int, host: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"secret"))) as secret:
            redirect = answer(status, location=secret.url("/latest/meta-data/", host))
            given = Given(tmp_path, ONLY_INSIDE, Names(evil_example=[["127.0.0.1"]]))
            async with Site(always(redirect), INSIDE) as site, bench(given) as there:
                found = await refusal(there, site.url())
                assert found.reason is Failure.FORBIDDEN_ADDRESS, found
                assert (len(site.asked), secret.connections) == (1, 0)

    run(scenario())


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data/", "//169.254.169.254/x"])
def test_a_redirect_to_a_clouds_metadata_is_refused(location: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(302, location=location)), INSIDE) as site, bench(Given(tmp_path, ONLY_INSIDE)) as there:
            assert (await refusal(there, site.url())).reason is Failure.FORBIDDEN_ADDRESS

    run(scenario())


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://user:word@127.0.0.2/", "http://127.0.0.2:x/", "ftp://127.0.0.2/x"]
)
def test_a_redirect_to_another_scheme_or_with_a_password_is_refused(location: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(302, location=location)), INSIDE) as site, bench(Given(tmp_path, ONLY_INSIDE)) as there:
            assert (await refusal(there, site.url())).reason is Failure.REFUSED

    run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "evil.example"])
def test_a_models_endpoint_is_held_to_the_same(host: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body={"outputs": []}))) as site:
            given = Given(tmp_path, ONLY_INSIDE, Names(evil_example=[["127.0.0.1"]]))
            async with bench(given) as there:
                model = there(Document(f"open-inference+{site.url('/v2/models/m', host)}", tensors()))
                (found,) = await model.predict([number(1.0)])
                assert found.reason is Failure.FORBIDDEN_ADDRESS, found
                assert site.connections == 0

    run(scenario())


def test_a_models_redirect_is_not_followed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"secret"))) as other, bench(Given(tmp_path)) as there:
            async with Site(always(answer(307, location=other.url()))) as site:
                (found,) = await there(Document(f"open-inference+{site.url('/v2/models/m')}", tensors())).predict([number(1.0)])
            assert (found.reason, other.connections) == (Failure.DENIED, 0)

    run(scenario())


def test_a_proxy_of_the_environment_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"by proxy"))) as proxy, Site(always(answer(body=b"straight")), INSIDE) as site:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url())
            async with bench(Given(tmp_path, ONLY_INSIDE)) as there:
                assert await there.host.fetcher.fetch(site.url(), ANY_TYPE) == b"straight"
                assert proxy.connections == 0

    run(scenario())


def certificates(authority: trustme.CA, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str | None]]:
    """Of a server of that name, of a client that trusts it, and the names that clients ask the server for."""
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    asked_for: list[str | None] = []
    server.sni_callback = lambda _socket, sni, _context: asked_for.append(sni)
    return server, client, asked_for


def test_https_asks_for_the_host_by_its_name_at_the_address_that_was_checked(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, client, asked_for = certificates(trustme.CA(), "models.example")
        given = Given(tmp_path, ONLY_INSIDE, Names(models_example=[[INSIDE]]), client)
        async with Site(always(answer(body=b"fine")), INSIDE, server) as site, bench(given) as there:
            assert await there.host.fetcher.fetch(site.url(host="models.example"), ANY_TYPE) == b"fine"
            assert asked_for == ["models.example"]
            assert site.asked[0].headers["host"] == f"models.example:{site.port}"

    run(scenario())


def test_a_certificate_of_another_name_or_authority_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, client, _ = certificates(trustme.CA(), "models.example")
        names = Names(other_example=[[INSIDE]], models_example=[[INSIDE]])
        async with Site(always(answer()), INSIDE, server) as site:
            async with bench(Given(tmp_path, ONLY_INSIDE, names, client)) as there:
                assert "certificate" in (await refusal(there, site.url(host="other.example"))).detail
            async with bench(Given(tmp_path, ONLY_INSIDE, names)) as there:
                found = await refusal(there, site.url(host="models.example"))
                assert (found.reason, "certificate" in found.detail) == (Failure.UNREACHABLE, True)
            assert site.asked == []

    run(scenario())


def test_a_name_without_an_address_is_unreachable(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(Given(tmp_path, {}, Names(empty_example=[[]]))) as there:
            assert (await refusal(there, "http://empty.example/")).reason is Failure.UNREACHABLE
            assert (await refusal(there, f"http://{'a' * 70}.example/")).reason in {Failure.UNREACHABLE, Failure.BAD_INPUT}

    run(scenario())
