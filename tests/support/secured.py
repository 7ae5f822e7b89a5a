"""A broker that lets nobody in without a password or a certificate, and nobody do what no ACL allows.

Three listeners, all TLS: SCRAM for those with a password, MTLS for those with a certificate, and the controller's own. Who is who is
said by the user's name or by the certificate's common name: both make the same principal. Only ``ops`` and the broker itself are
super users.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import trustme
from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from processor.kafka.client import admin_client
from processor.kafka.local import LocalBroker
from processor.kafka.machine import HOST, free_port
from processor.settings import Settings
from tests.support.brokers import ContainerBroker, docker_answers, remove_broker
from tests.support.cluster import Door

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPS, BROKER = "ops", "broker"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
# The least that brokers take: what is tried here is not how long it takes to guess a password.
ITERATIONS = 4096


class Ports(NamedTuple):
    """Where it listens."""

    scram: int
    mtls: int
    controller: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path
    keystore: Path

    def properties(self, authority: Path) -> dict[str, str]:
        """What a client needs to show it."""
        return {
            "security.protocol": "ssl",
            "ssl.ca.location": str(authority),
            "ssl.certificate.location": str(self.certificate),
            "ssl.key.location": str(self.key),
        }


class Certificates:
    """An authority, and what it issues.

    Args:
        folder: where the files go.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.authority = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.authority))

    def issue(self, name: str, *hosts: str) -> Identity:
        """A certificate with this common name, for these hosts or for a client."""
        made = self._authority.issue_cert(*(hosts or (f"{name}@collectors.test",)), common_name=name)
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        # The form that Kafka reads.
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        identity = Identity(*(self._folder / f"{name}.{kind}" for kind in ("crt", "key", "pem")))
        identity.certificate.write_bytes(chain)
        for path, content in ((identity.key, key_pem), (identity.keystore, key_pem + chain)):
            path.touch(mode=0o600)
            path.write_bytes(content)
        return identity


def one_line(path: Path) -> str:
    """A PEM file as a value in a properties file or a variable: Kafka takes spaces for line ends."""
    return " ".join(path.read_text(encoding="ascii").split("\n"))


def presented(certificates: Certificates, host: str) -> dict[str, str]:
    """What a broker shows to those who come to it."""
    broker = certificates.issue(BROKER, host, "localhost", "127.0.0.1")
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": one_line(broker.key),
        "ssl.keystore.certificate.chain": one_line(broker.certificate),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": one_line(certificates.authority),
    }


def allowing_only(*super_users: str) -> dict[str, str]:
    """What lets nobody but these do what no ACL allows."""
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": ";".join(f"User:{name}" for name in super_users),
    }


def password_door(certificates: Certificates, host: str) -> Door:
    """Lets in who has a password, over TLS."""
    login = {"sasl.enabled.mechanisms": "SCRAM-SHA-512", "scram-sha-512.sasl.jaas.config": SCRAM_LOGIN}
    return Door("SASL_SSL", presented(certificates, host) | login)


def set_passwords(settings: Settings, passwords: Mapping[str, str]) -> None:
    """Let users in, each with their password."""
    credentials = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    upserts = [UserScramCredentialUpsertion(name, credentials, password.encode()) for name, password in passwords.items()]
    admin = admin_client(settings)
    for answer in admin.alter_user_scram_credentials(upserts).values():
        answer.result(30)


def with_password(authority: Path, name: str, password: str) -> dict[str, str]:
    """What a client needs to come in by a password."""
    return {
        "security.protocol": "sasl_ssl",
        "ssl.ca.location": str(authority),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": name,
        "sasl.password": password,
    }


def security_properties(certificates: Certificates, host: str) -> dict[str, str]:
    """What makes a broker of any kind a secured one, but for its listeners."""
    return {
        **presented(certificates, host),
        **allowing_only(BROKER, OPS),
        "listener.security.protocol.map": "SCRAM:SASL_SSL,MTLS:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "MTLS",
        "ssl.client.auth": "required",
        "listener.name.scram.ssl.client.auth": "none",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
    }


def listener_properties(inside: str, outside: str, ports: Ports) -> dict[str, str]:
    """Where a secured broker listens; the controller on loopback, since there is but one node."""
    return {
        "listeners": f"SCRAM://{inside}:{ports.scram},MTLS://{inside}:{ports.mtls},CONTROLLER://127.0.0.1:{ports.controller}",
        "advertised.listeners": f"SCRAM://{outside}:{ports.scram},MTLS://{outside}:{ports.mtls}",
        "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
    }


class SecuredBroker:
    """A broker of its own, and everybody who may come to it.

    Args:
        kind: where it runs; see `make_broker`.
        folder: of its data and its certificates.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.certificates = Certificates(folder / "certificates")
        self._ops = self.certificates.issue(OPS)
        self._passwords: dict[str, str] = {}
        self._folder = folder
        self._ports = Ports(free_port(), free_port(), free_port())
        in_container = kind == "docker" or (kind == "auto" and docker_answers())
        self._host = ContainerBroker.host() if in_container else HOST
        properties = security_properties(self.certificates, self._host)
        properties |= listener_properties(EVERYWHERE if in_container else HOST, self._host, self._ports)
        client = self._ops.properties(self.certificates.authority)
        # Asked whether it is there where certificates are wanted: before anybody has a password.
        self._broker: ContainerBroker | LocalBroker = (
            ContainerBroker(properties, client, (self._ports.mtls, self._ports.scram))
            if in_container
            else LocalBroker(Settings(), folder / "broker", port=self._ports.mtls, extra_properties=properties, client_properties=client)
        )

    def start(self) -> None:
        self._broker.start()

    def remove(self) -> None:
        remove_broker(self._broker)

    @property
    def scram_servers(self) -> str:
        """Where those come who have a password."""
        return f"{self._host}:{self._ports.scram}"

    @property
    def mtls_servers(self) -> str:
        """Where those come who have a certificate."""
        return f"{self._host}:{self._ports.mtls}"

    def add_users(self, *names: str) -> None:
        """Give each a password of its own."""
        self._passwords |= {name: secrets.token_hex(16) for name in names}
        set_passwords(Settings(**self.with_certificate(self._ops)), {name: self._passwords[name] for name in names})

    def password(self, name: str) -> str:
        """Of a user."""
        return self._passwords[name]

    def with_password(self, name: str, password: str = "") -> dict[str, Any]:
        """What the settings of somebody with a password hold."""
        return {
            "bootstrap_servers": self.scram_servers,
            "kafka": with_password(self.certificates.authority, name, password or self._passwords[name]),
        }

    def with_certificate(self, identity: Identity | None = None) -> dict[str, Any]:
        """What the settings of somebody with a certificate hold; without one: those of ops."""
        return {"bootstrap_servers": self.mtls_servers, "kafka": (identity or self._ops).properties(self.certificates.authority)}

    def java_properties(self, name: str) -> dict[str, str]:
        """The same for a client in Java, with a password."""
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        return {
            "security.protocol": "SASL_SSL",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.authority),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": f'{login} username="{name}" password="{self._passwords[name]}";',
        }
