"""The hop of the Function URL, if connections lead to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deploy_scripts.publish.function_url import PUBLIC, FunctionUrl
from deploy_scripts.verify.hop import BrokenHopError, Passed


@dataclass(frozen=True, slots=True)
class FunctionUrlHop:
    """The Function URL that the saved connections lead to is there, and open to everyone."""

    lambda_: Any
    arn: str
    saved_urls: tuple[str, ...] = field(repr=False)
    stage: str

    title = "Function URL"

    def run(self) -> Passed[None]:
        """Look at it; see `Hop.run`."""
        found = FunctionUrl.find(self.lambda_, self.arn)
        again = f"publish --stage {self.stage} --endpoint function-url"
        if not all(found.leads_here(each) for each in self.saved_urls):
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
        return Passed(f"{found.url}, open to everyone who has the token", None)
