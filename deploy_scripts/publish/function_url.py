"""The Function URL of a stage's HTTP handler: another way in than the REST API, to the same endpoints.

Lambda keeps one Function URL for a function, and nothing that says who made it. What says so here are
the two statements in the function's policy that let everyone use it: they have ids of ours, are there
before the URL is, and go after it. A Function URL without them is somebody else's and stays as it is,
unless it is the one that the saved connections lead to.

Since October 2025 a new Function URL needs both statements (AWS Lambda developer guide, "Control access
to Lambda function URLs").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from deploy_scripts.errors import unless_gone
from deploy_scripts.stage.stage import API_HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy_scripts.stage.deployed import DeployedStage

PUBLIC: Final = "NONE"
"""The AuthType of a Function URL that checks nothing itself: the Hot Readers check the token."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement of ours: its id, and what it permits as a request and as a policy spell that."""

    sid: str
    action: str
    request: Mapping[str, Any]
    condition: Mapping[str, Any]

    def is_right(self, found: Mapping[str, Any]) -> bool:
        # A policy may hold `true` or `"true"`.
        condition = json.dumps(found.get("Condition"), sort_keys=True).replace(" true", ' "true"')
        return (
            found.get("Effect") == "Allow"
            and found.get("Action") == self.action
            and found.get("Principal") in ("*", {"AWS": "*"})
            and condition == json.dumps(self.condition, sort_keys=True)
        )


_STATEMENTS: Final = (
    _Statement(
        "hot-reader-function-url",
        "lambda:InvokeFunctionUrl",
        {"FunctionUrlAuthType": PUBLIC},
        {"StringEquals": {"lambda:FunctionUrlAuthType": PUBLIC}},
    ),
    _Statement(
        "hot-reader-function-url-invoke",
        "lambda:InvokeFunction",
        {"InvokedViaFunctionUrl": True},
        {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
    ),
)


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A function's Function URL, as Lambda had it.

    Each method that calls AWS takes a boto3 client of `lambda`, and raises
    `botocore.exceptions.ClientError` if AWS refuses. Saved URLs are those of the connections that we
    saved, which may lead to it.
    """

    arn: str
    url: str | None  # its URL, with a slash at the end; None if the function has none
    auth_type: str | None  # who may use it: `NONE` for everyone, else `AWS_IAM`
    # The statements with ids of ours in the function's policy, by id.
    statements: Mapping[str, Mapping[str, Any]]

    @classmethod
    def find(cls, lambda_: Any, arn: str) -> Self:
        """Ask Lambda about a function; one that isn't there has none."""
        config = unless_gone(lambda_.get_function_url_config, FunctionName=arn) or {}
        policy = unless_gone(lambda_.get_policy, FunctionName=arn)
        statements = json.loads(policy["Policy"])["Statement"] if policy else []
        sids = {each.sid for each in _STATEMENTS}
        ours = {each["Sid"]: each for each in statements if each.get("Sid") in sids}
        return cls(arn, _with_slash(config) if config else None, config.get("AuthType"), ours)

    @classmethod
    def of_stage(cls, lambda_: Any, deployed: DeployedStage) -> Self | None:
        """Ask Lambda about a stage's HTTP handler; None if it was deployed without one."""
        arn = deployed.lambda_arns.get(API_HANDLER)
        return None if arn is None else cls.find(lambda_, arn)

    @property
    def function(self) -> str:
        """The function's name."""
        return self.arn.rpartition(":")[2]

    @property
    def lacking(self) -> tuple[str, ...]:
        """The actions that everyone needs to use it, and that we don't permit (any more)."""
        return tuple(each.action for each in _STATEMENTS if not self._has(each))

    def leads_here(self, url: str) -> bool:
        """Tell whether a URL is of this Function URL."""
        return self.url is not None and url.startswith(self.url)

    def is_ours(self, saved_urls: Iterable[str] = ()) -> bool:
        """Tell whether there is a Function URL that we made."""
        made = bool(self.statements) or any(self.leads_here(each) for each in saved_urls)
        return self.url is not None and made

    def make(self, lambda_: Any, *, dry_run: bool = False) -> tuple[str | None, list[str]]:
        """Make what is missing of it; return its URL, unless a dry run would make it, and a line for each change."""
        changes = []
        for each in _STATEMENTS:
            if self._has(each):
                continue
            changes.append(_permission(each.action))
            if dry_run:
                continue
            name = {"FunctionName": self.arn, "StatementId": each.sid}
            if each.sid in self.statements:
                lambda_.remove_permission(**name)
            lambda_.add_permission(**name, Action=each.action, Principal="*", **each.request)
        url = self.url
        wanted = {"FunctionName": self.arn, "AuthType": PUBLIC}
        if url is None:
            changes.append(f"Function URL of {self.function}")
            if not dry_run:
                url = _with_slash(lambda_.create_function_url_config(**wanted))
        elif self.auth_type != PUBLIC:
            changes.append(f"Function URL of {self.function}: open to callers without AWS keys")
            if not dry_run:
                lambda_.update_function_url_config(**wanted)
        return url, changes

    def remove(
        self, lambda_: Any, saved_urls: Iterable[str] = (), *, dry_run: bool = False
    ) -> list[str]:
        """Remove what we made of it, and return a line for each thing."""
        changes = []
        if self.is_ours(saved_urls):
            changes.append(f"Function URL of {self.function}")
            if not dry_run:
                unless_gone(lambda_.delete_function_url_config, FunctionName=self.arn)
        for sid, statement in self.statements.items():
            changes.append(_permission(statement.get("Action")))
            if not dry_run:
                unless_gone(lambda_.remove_permission, FunctionName=self.arn, StatementId=sid)
        return changes

    def _has(self, statement: _Statement) -> bool:
        return statement.is_right(self.statements.get(statement.sid, {}))


def _with_slash(config: Mapping[str, Any]) -> str:
    return str(config["FunctionUrl"]).rstrip("/") + "/"


def _permission(action: Any) -> str:
    return f"permission {action} for everyone who has the Function URL"
