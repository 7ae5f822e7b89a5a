"""How much a pre-queue workflow, and a knowledge graph in it, may ask of every process that judges a batch. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.operators import Relation
from processor.operators.concept_graph import concept_graph
from processor.operators.random_sample import GROUPS, RandomSample
from processor.operators.streaming import Streaming

if TYPE_CHECKING:
    from processor.catalog.records import KnowledgeGraph
    from processor.engine.collector import PostWorkflow, Workflow

# Where a workflow branches, a collected prediction's inclusion probability sums over all outcomes of its samplers, and each outcome is run
# through the nodes and their inputs.
BRANCHING_SAMPLERS_MAX = 4
BRANCHING_STEPS_MAX = 1024
POST_QUEUE_SAMPLERS_MAX = 4


def beyond_limits(workflow: Workflow, *, sampled_before: bool) -> str:
    """Why a collector may not run this workflow before the queue; empty: it may.

    Args:
        workflow: with its models.
        sampled_before: the collector has a ``pre_queue_random_sample``.
    """
    for node in workflow.nodes:
        if not node.operator.before_queue:
            return f"node {node.id} runs {node.operator.model_type_id}, which runs after the queue only: move it to a post-queue workflow"
    samplers = sum(part.share is not None for node in workflow.nodes for part in node.operator.parts())
    if samplers + sampled_before > GROUPS:
        return f"with pre_queue_random_sample, a collector has at most {GROUPS} samplers, this one more: they could not be independent"
    inputs = sum(len(node.inputs) for node in workflow.nodes)
    if len(workflow.leaves) == 1 and all(len(node.inputs) <= 1 for node in workflow.nodes):
        return ""
    if samplers > BRANCHING_SAMPLERS_MAX:
        return f"a workflow with branches has at most {BRANCHING_SAMPLERS_MAX} samplers, this one {samplers}: give it fewer"
    if (steps := 2**samplers * (len(workflow.nodes) + inputs)) > BRANCHING_STEPS_MAX:
        return (
            f"a workflow with branches takes at most {BRANCHING_STEPS_MAX:,} steps, this one {steps:,}: {2**samplers} outcomes of its "
            f"{samplers} samplers, times {len(workflow.nodes)} nodes and {inputs} node_inputs; give it fewer samplers, nodes or inputs"
        )
    return ""


def beyond_post_queue_limits(workflow: PostWorkflow) -> str:
    """Why a collector may not run this workflow after the queue; empty: it may.

    Every outcome of its samplers is gone through for each candidate that is collected, whether it branches or not.
    """
    samplers = sum(isinstance(step.runs, RandomSample | Streaming) for step in workflow.in_parts.steps)
    if samplers > POST_QUEUE_SAMPLERS_MAX:
        return f"a post-queue workflow has at most {POST_QUEUE_SAMPLERS_MAX} samplers, this one {samplers}: give it fewer"
    return ""


def graph_problem(graph: KnowledgeGraph) -> str:
    """Why no mapper may use a knowledge graph; empty: one may."""
    return concept_graph(relations_of(graph)).problem


def relations_of(graph: KnowledgeGraph) -> tuple[Relation, ...]:
    """A graph's relations as operators take them."""
    return tuple(Relation(each.subject_id, each.predicate, each.object_id) for each in graph.relations)
