"""Access rules of a cluster: what there are, and the few changes this package makes. Errors say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclBinding, AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from processor.kafka.acl_state import CLUSTER, GROUP, TOPIC, TRANSACTIONAL_ID, Acl
from processor.kafka.client import admin_client
from processor.kafka.failure import cluster_error, error_code

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from processor.settings import Settings

REQUEST_TIMEOUT_S = 15.0
READING = "reading the access rules of the cluster"
RESOURCES = {
    TOPIC: ResourceType.TOPIC,
    GROUP: ResourceType.GROUP,
    TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
    CLUSTER: ResourceType.BROKER,  # the client's name for it
}
OPERATIONS = {"".join(word.title() for word in operation.name.split("_")): operation for operation in AclOperation}
EVERY_ACL = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]  # the client says None for any, and its annotation forgot it
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]  # as above
    None,  # type: ignore[arg-type]  # as above
    AclOperation.ANY,
    AclPermissionType.ANY,
)


class Acls:
    """The access rules of one cluster. Every method raises FixCluster for what the cluster refuses or does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._client = admin_client(settings)

    def all(self) -> frozenset[Acl] | None:
        """Every rule on what this system has: topics, groups, transactional ids, the cluster; None: the cluster has no authorizer."""
        try:
            found = self._client.describe_acls(EVERY_ACL, request_timeout=REQUEST_TIMEOUT_S).result()
        except KafkaException as error:
            if error_code(error) == KafkaError.SECURITY_DISABLED:
                return None
            raise cluster_error(READING, error) from None
        if not found and not self._may_read():
            raise cluster_error(READING, KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED)))
        return frozenset(_acl(binding) for binding in found if binding.restype in RESOURCES.values())

    def _may_read(self) -> bool:
        """To whom may not read them, the client answers as if there were none."""
        try:
            cluster = self._client.describe_cluster(include_authorized_operations=True, request_timeout=REQUEST_TIMEOUT_S).result()
        except KafkaException as error:
            raise cluster_error(READING, error) from None
        return AclOperation.DESCRIBE in (cluster.authorized_operations or ())

    def add(self, acls: Collection[Acl]) -> None:
        """Make rules; one that is there already stays."""
        if acls:
            futures = self._client.create_acls([_binding(acl) for acl in acls], request_timeout=REQUEST_TIMEOUT_S)
            _finish(futures.values(), "making access rules")

    def remove(self, acls: Collection[Acl]) -> None:
        """Take exactly these away."""
        if acls:
            futures = self._client.delete_acls([_exactly(acl) for acl in acls], request_timeout=REQUEST_TIMEOUT_S)
            _finish(futures.values(), "taking access rules away")


def _finish(futures: Iterable[object], doing: str) -> None:
    try:
        for future in futures:
            future.result()  # type: ignore[attr-defined]  # futures of different results
    except KafkaException as error:
        raise cluster_error(doing, error) from None


def _acl(binding: AclBinding) -> Acl:
    resource = next(name for name, kind in RESOURCES.items() if kind is binding.restype)
    operation = next(name for name, kind in OPERATIONS.items() if kind is binding.operation)
    prefixed = binding.resource_pattern_type is ResourcePatternType.PREFIXED
    denied = binding.permission_type is AclPermissionType.DENY
    return Acl(binding.principal, resource, binding.name, operation, prefixed, denied, binding.host)


def _binding(acl: Acl) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if acl.prefixed else ResourcePatternType.LITERAL
    permission = AclPermissionType.DENY if acl.denied else AclPermissionType.ALLOW
    return AclBinding(RESOURCES[acl.resource], acl.name, pattern, acl.principal, acl.host, OPERATIONS[acl.operation], permission)


def _exactly(acl: Acl) -> AclBindingFilter:
    one = _binding(acl)
    return AclBindingFilter(one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation, one.permission_type)
