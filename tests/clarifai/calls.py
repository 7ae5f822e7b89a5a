"""Runs where clarifai-grpc is installed, and nothing of this package is: makes the calls it reads, one JSON object a line each.

``{"call": "PostCollectors", "secret": …, "request": {…}}`` in, ``{"answer": {…}, "names": […]}`` or ``{"error": …}`` out. The
stub, its channel and its messages are the published client's own; ``names`` are those of the answer's status codes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from clarifai_grpc.channel.clarifai_channel import ClarifaiChannel
from clarifai_grpc.grpc.api import service_pb2, service_pb2_grpc
from clarifai_grpc.grpc.api.status import status_code_pb2
from google.protobuf import json_format


def made(stub: Any, call: str, secret: str, request: dict[str, Any]) -> Any:
    """One call; the client's own message comes back."""
    message = json_format.ParseDict(request, getattr(service_pb2, f"{call}Request")())
    return getattr(stub, call)(message, metadata=(("authorization", f"Key {secret}"),))


def told(answer: Any) -> dict[str, Any]:
    """A message as JSON; numbers of enums stay numbers, and the status codes, the answer's own first, are named beside them."""
    found = json_format.MessageToDict(answer, preserving_proto_field_name=True, use_integers_for_enums=True)
    items = [item for each in found.values() if isinstance(each, list) for item in each]
    return {
        "answer": found,
        "names": [status_code_pb2.StatusCode.Name(each["status"]["code"]) for each in (found, *items) if "status" in each],
    }


def main() -> None:
    """Answer every line."""
    stub = service_pb2_grpc.V2Stub(ClarifaiChannel.get_json_channel(sys.argv[1]))
    for line in sys.stdin:
        try:
            found = told(made(stub, **json.loads(line)))
        except Exception as error:  # noqa: BLE001 - whatever the client raises is what the test asked for
            found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), flush=True)  # noqa: T201 - read by the test through a pipe


if __name__ == "__main__":
    main()
