"""The same contract as on AWS: the same tests, asked of the functions on Azure."""

from tests.end_to_end.http.every_host import *  # noqa: F403
from tests.end_to_end.http.own_servers import *  # noqa: F403
from tests.end_to_end.http.test_many_readers import (  # noqa: F401
    test_every_reader_gets_every_value_once_and_in_order,
)
from tests.end_to_end.http.test_openapi import (  # noqa: F401
    test_a_method_that_isnt_documented_is_refused,
)
from tests.end_to_end.http.test_refusals import (  # noqa: F401
    test_a_body_of_one_byte_too_many_is_refused,
    test_a_body_of_the_most_bytes_is_answered,
)
