"""The model types that this system runs itself, one file each; the listing is the feature list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.operators.base import Operator, OperatorProblems, Relation
from processor.operators.budget import Budget
from processor.operators.class_filter import ClassFilter
from processor.operators.close_to_threshold import CloseToThreshold
from processor.operators.concept_synonym_mapper import ConceptSynonymMapper
from processor.operators.concept_threshold import ConceptThreshold
from processor.operators.disagreement import Disagreement
from processor.operators.keyword_filter import KeywordFilter
from processor.operators.language_id import LanguageId
from processor.operators.max_probability import MaxProbability
from processor.operators.metadata_filter import MetadataFilter
from processor.operators.min_probability import MinProbability
from processor.operators.object_count import ObjectCount
from processor.operators.outlier import Outlier
from processor.operators.output_info import OutputInfo, merge_output_info
from processor.operators.random_sample import RandomSample
from processor.operators.regex_classifier import RegexClassifier
from processor.operators.region_threshold import RegionThreshold
from processor.operators.uncertainty import Uncertainty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.operators.base import GraphOf

__all__ = ["OPERATORS", "Operator", "OperatorProblems", "RandomSample", "Relation", "merge_output_info", "parse_operator"]

OPERATORS: Mapping[str, type[Operator]] = {
    operator.model_type_id: operator
    for operator in (
        RandomSample,
        ConceptThreshold,
        RegionThreshold,
        MaxProbability,
        MinProbability,
        MetadataFilter,
        ConceptSynonymMapper,
        Uncertainty,
        CloseToThreshold,
        ClassFilter,
        ObjectCount,
        KeywordFilter,
        RegexClassifier,
        LanguageId,
        Disagreement,
        Outlier,
        Budget,
    )
}


def parse_operator(model_type_id: str, output_info: Mapping[str, Any], graph_of: GraphOf) -> Operator:
    """An operator from its model's parameters.

    Args:
        model_type_id: one of :data:`OPERATORS`.
        output_info: as in the document, the node's override already merged in (:func:`merge_output_info`).
        graph_of: the relations of a knowledge graph by its id, None where it does not exist.

    Raises:
        OperatorProblems: all of them, with field paths.
    """
    kind = OPERATORS.get(model_type_id)
    if kind is None:
        raise OperatorProblems([("model_type_id", f"{model_type_id!r} is no operator; operators are {', '.join(OPERATORS)}")])
    info = OutputInfo(output_info, kind.params, kind.takes_concepts)
    operator = kind.parse(info, graph_of)
    info.check()
    return operator
