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

from deploy_scripts.stage.stage import API_HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy_scripts.stage.deployed import DeployedStage

PUBLIC: Final = "NONE"
"""The AuthType of a Function URL that checks nothing itself: the Hot Readers check the token."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement of ours in a function's policy."""

    sid: str
    action: str
    parameters: Mapping[str, Any]
    condition: Mapping[str, Any]

    def add(self, lambda_: Any, arn: str) -> None:
        lambda_.add_permission(
            FunctionName=arn,
            StatementId=self.sid,
            Action=self.action,
            Principal="*",
            **self.parameters,
        )

    def is_right(self, found: Mapping[str, Any]) -> bool:
        return (
            found.get("Effect") == "Allow"
            and found.get("Action") == self.action
            and found.get("Principal") in ("*", {"AWS": "*"})
            and _texts(found.get("Condition")) == _texts(self.condition)
        )


def _texts(condition: Any) -> Any:
    """Spell each value of a condition as text: a policy may hold `true` or `"true"`."""
    if isinstance(condition, dict):
        return {name: _texts(value) for name, value in condition.items()}
    return str(condition).lower()


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

    Attributes
    ----------
    arn
        The function's ARN.
    url
        Where it is, with a slash at the end; None if the function has none.
    auth_type
        Who may use it: `NONE` for everyone, else `AWS_IAM`.
    statements
        The statements with ids of ours in the function's policy, by id.
    """

    arn: str
    url: str | None
    auth_type: str | None
    statements: Mapping[str, Mapping[str, Any]]

    @classmethod
    def find(cls, lambda_: Any, arn: str) -> Self:
        """Ask Lambda about a function; one that isn't there has none.

        Parameters
        ----------
        lambda_
            A boto3 client of `lambda`.
        arn
            The function's ARN.

        Raises
        ------
        botocore.exceptions.ClientError
            AWS refused.
        """
        missing = lambda_.exceptions.ResourceNotFoundException
        try:
            config = lambda_.get_function_url_config(FunctionName=arn)
        except missing:
            config = {}
        try:
            policy = json.loads(lambda_.get_policy(FunctionName=arn)["Policy"])
        except missing:
            policy = {"Statement": []}
        sids = {each.sid for each in _STATEMENTS}
        ours = {each["Sid"]: each for each in policy["Statement"] if each.get("Sid") in sids}
        url = config["FunctionUrl"].rstrip("/") + "/" if config else None
        return cls(arn, url, config.get("AuthType"), ours)

    @classmethod
    def of_stage(cls, lambda_: Any, deployed: DeployedStage | None) -> Self | None:
        """Ask Lambda about a stage's HTTP handler; None if it was deployed without one."""
        arn = deployed.lambda_arns.get(API_HANDLER) if deployed else None
        return None if arn is None else cls.find(lambda_, arn)

    @property
    def lacking(self) -> tuple[str, ...]:
        """The actions that everyone needs to use it, and that we don't permit (any more)."""
        return tuple(each.action for each in _STATEMENTS if not self._has(each))

    def leads_here(self, url: str) -> bool:
        """Tell whether a URL is of this Function URL."""
        return self.url is not None and url.startswith(self.url)

    def is_ours(self, saved_urls: Iterable[str] = ()) -> bool:
        """Tell whether there is a Function URL that we made.

        Parameters
        ----------
        saved_urls
            Of the connections that we saved: they may lead to it.
        """
        if self.url is None:
            return False
        return bool(self.statements) or any(self.leads_here(each) for each in saved_urls)

    def make(self, lambda_: Any, *, dry_run: bool = False) -> tuple[str | None, list[str]]:
        """Make what is missing of it.

        Parameters
        ----------
        lambda_
            A boto3 client of `lambda`.
        dry_run
            True to change nothing.

        Returns
        -------
        tuple[str | None, list[str]]
            Where it is (None if it would only be made), and what was changed (or would be), in words.

        Raises
        ------
        botocore.exceptions.ClientError
            AWS refused.
        """
        changes = []
        for each in _STATEMENTS:
            if self._has(each):
                continue
            changes.append(f"permission {each.action} for everyone who has the Function URL")
            if dry_run:
                continue
            if each.sid in self.statements:
                lambda_.remove_permission(FunctionName=self.arn, StatementId=each.sid)
            each.add(lambda_, self.arn)
        url = self.url
        if url is None:
            changes.append(f"Function URL of {self.function}")
            if not dry_run:
                made = lambda_.create_function_url_config(FunctionName=self.arn, AuthType=PUBLIC)
                url = made["FunctionUrl"].rstrip("/") + "/"
        elif self.auth_type != PUBLIC:
            changes.append(f"Function URL of {self.function}: open to callers without AWS keys")
            if not dry_run:
                lambda_.update_function_url_config(FunctionName=self.arn, AuthType=PUBLIC)
        return url, changes

    def remove(
        self, lambda_: Any, saved_urls: Iterable[str] = (), *, dry_run: bool = False
    ) -> list[str]:
        """Take away what we made of it; what is gone already is no error.

        Parameters
        ----------
        lambda_
            A boto3 client of `lambda`.
        saved_urls
            As for `is_ours`.
        dry_run
            True to change nothing.

        Returns
        -------
        list[str]
            What was removed (or would be), in words.

        Raises
        ------
        botocore.exceptions.ClientError
            AWS refused.
        """
        missing = lambda_.exceptions.ResourceNotFoundException
        changes = []
        if self.is_ours(saved_urls):
            changes.append(f"Function URL of {self.function}")
            if not dry_run:
                try:
                    lambda_.delete_function_url_config(FunctionName=self.arn)
                except missing:
                    changes.pop()
        for sid, statement in self.statements.items():
            changes.append(
                f"permission {statement.get('Action')} for everyone who has the Function URL"
            )
            if not dry_run:
                try:
                    lambda_.remove_permission(FunctionName=self.arn, StatementId=sid)
                except missing:
                    changes.pop()
        return changes

    @property
    def function(self) -> str:
        """The function's name."""
        return self.arn.rpartition(":")[2]

    def _has(self, statement: _Statement) -> bool:
        return statement.is_right(self.statements.get(statement.sid, {}))
