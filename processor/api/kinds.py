"""What the contract calls the documents that it lets people write, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from processor.catalog.records import Kind
from processor.rest.status import Code

if TYPE_CHECKING:
    from processor.rest.access import AppRef


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of document in the contract.

    Attributes:
        kind: as in the catalog.
        plural: the name of a list of them in bodies.
        singular: the name of one.
        path: below the app, or the user where it is an app itself.
        scope: what the scopes begin with: ``Collectors_Get``.
        missing: the code where there is none of an id.
    """

    kind: Kind
    plural: str
    singular: str
    path: str
    scope: str
    missing: Code

    def owner(self, app: AppRef) -> str:
        """What the keys of documents in an app begin with; apps themselves are their user's."""
        return app.user_id if self.kind is Kind.APP else str(app)

    @property
    def add(self) -> str:
        """The scope that creates and changes."""
        return f"{self.scope}_Add"

    @property
    def read(self) -> str:
        """The scope that reads."""
        return f"{self.scope}_Get"

    @property
    def remove(self) -> str:
        """The scope that deletes."""
        return f"{self.scope}_Delete"


APP = Resource(Kind.APP, "apps", "app", "apps", "Apps", Code.DOES_NOT_EXIST)
COLLECTOR = Resource(Kind.COLLECTOR, "collectors", "collector", "collectors", "Collectors", Code.COLLECTOR_MISSING)
KEY = Resource(Kind.KEY, "keys", "key", "keys", "Keys", Code.DOES_NOT_EXIST)
KNOWLEDGE_GRAPH = Resource(
    Kind.KNOWLEDGE_GRAPH, "knowledge_graphs", "knowledge_graph", "concepts/knowledge_graphs", "KnowledgeGraphs", Code.DOES_NOT_EXIST
)
MODEL = Resource(Kind.MODEL, "models", "model", "models", "Models", Code.MODEL_DOES_NOT_EXIST)
WORKFLOW = Resource(Kind.WORKFLOW, "workflows", "workflow", "workflows", "Workflows", Code.WORKFLOW_DOES_NOT_EXIST)
DOCUMENT = Resource(Kind.APP, "documents", "document", "documents", "", Code.DOES_NOT_EXIST)  # of any kind, in a call of our own
IN_APPS = (COLLECTOR, MODEL, WORKFLOW, KNOWLEDGE_GRAPH)
RESOURCES = {resource.kind: resource for resource in (APP, KEY, *IN_APPS)}
