"""The same contract as on AWS: the same tests, asked of the functions on Azure."""

from tests.end_to_end.http.every_host import *  # noqa: F403
from tests.end_to_end.http.test_openapi import (  # noqa: F401
    test_a_method_that_isnt_documented_is_refused,
)
