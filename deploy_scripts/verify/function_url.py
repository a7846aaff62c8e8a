"""The hop of the Function URL, if connections lead to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy_scripts.publish.function_url import PUBLIC, FunctionUrl
from deploy_scripts.verify.hop import BrokenHopError, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def check_function_url(
    client: Callable[[str], Any], arn: str, saved_urls: Sequence[str], stage: str
) -> Finding[None]:
    """Check that saved connections lead to a function's Function URL, and that it is open to everyone."""
    found = FunctionUrl.find(client("lambda"), arn)
    again = f"publish --stage {stage} --endpoint function-url"
    if not all(found.leads_here(each) for each in saved_urls):
        where = found.url or f"{found.function} has none"
        raise BrokenHopError(
            "The saved connections lead neither to the stage's API nor to the Function URL of its "
            f"function ({where}).",
            f"It was deleted, or another stage was published since. Run {again} (or --endpoint "
            "api-gateway), and hand the URLs to the twin again.",
        )
    if found.auth_type != PUBLIC:
        raise BrokenHopError(
            f"{found.url} takes requests signed with AWS keys only: its AuthType is "
            f"{found.auth_type}, not {PUBLIC}.",
            f"Run {again}: the Hot Readers check the token themselves.",
        )
    if found.lacking:
        raise BrokenHopError(
            f"The policy of {found.function} doesn't let everyone {' and '.join(found.lacking)} by "
            "its Function URL, as that needs: AWS answers 403.",
            f"Run {again}. If AWS refuses, the account blocks public access to functions.",
        )
    return Finding(f"{found.url}, open to everyone who has the token", None)
