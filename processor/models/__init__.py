"""Models served elsewhere, behind one small interface: what a post-queue workflow asks about the original input.

``ModelHost.open`` gives a `ServedModel` for a model's document; `parse_served_model` says everything that is wrong with one.
"""

from __future__ import annotations

from processor.models.host import ModelHost
from processor.models.parse import ModelProblems, parse_served_model
from processor.models.served import Input, ModelFailed, Output, ServedModel

__all__ = ["Input", "ModelFailed", "ModelHost", "ModelProblems", "Output", "ServedModel", "parse_served_model"]
