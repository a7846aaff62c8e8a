"""The same contract as behind API Gateway: the same tests, asked of a Lambda Function URL.

But for the largest body: Lambda itself refuses a request whose event is larger than 6 MB.
"""

import pytest

from local_cloud.aws.lambda_runtime.function import MAX_REQUEST_BYTES
from tests.end_to_end.http.every_host import *  # noqa: F403
from tests.end_to_end.http.own_servers import *  # noqa: F403
from tests.end_to_end.http.queries import HISTORY, LAST_ENTRY
from tests.end_to_end.http.service import Service
from tests.end_to_end.http.test_openapi import (  # noqa: F401
    test_a_method_that_isnt_documented_is_refused,
)
from tests.end_to_end.http.test_refusals import JSON, body_of

ROOM_FOR_THE_REST_OF_THE_EVENT = 4_096


@pytest.mark.parametrize("path", [HISTORY, LAST_ENTRY])
def test_a_body_of_as_many_bytes_as_lambda_takes_is_answered(service: Service, path: str) -> None:
    body = body_of(path, MAX_REQUEST_BYTES - ROOM_FOR_THE_REST_OF_THE_EVENT)

    assert service.request("POST", path, data=body, headers=JSON).status_code == 200
