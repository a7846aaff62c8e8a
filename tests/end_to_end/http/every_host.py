"""The tests of the wire contract that every host has to pass, Chalice or not.

A test module that imports all names from here has them collected again, and asked of the `service` and
by the `start` of its own directory. The examples of the OpenAPI document aren't among them: their
`nextToken` is a DynamoDB table's.
"""

# ruff: noqa: F401, F403

from tests.end_to_end.http.test_answers import *
from tests.end_to_end.http.test_invalid_queries import *
from tests.end_to_end.http.test_openapi import test_every_documented_operator_works
from tests.end_to_end.http.test_over_the_wire import *
from tests.end_to_end.http.test_refusals import (
    limited,
    test_a_body_of_one_byte_too_many_is_refused,
    test_a_body_of_the_most_bytes_is_answered,
    test_a_caller_who_waited_is_answered_again,
    test_a_refused_token_doesnt_count_against_the_limit,
    test_a_request_too_many_is_told_when_to_try_again,
    test_another_content_type_is_refused,
    test_another_method_is_refused_with_those_that_work,
    test_json_is_json_however_it_is_declared,
)
from tests.end_to_end.http.test_tokens import (
    test_a_caller_without_the_token_learns_nothing_about_its_query,
    test_a_token_in_the_url_doesnt_count,
    test_any_other_token_gets_the_same_answer_as_none,
    test_every_method_needs_the_token,
    test_head_needs_the_token,
    test_the_token_lets_a_caller_in,
)
from tests.end_to_end.http.test_trace_ids import *
