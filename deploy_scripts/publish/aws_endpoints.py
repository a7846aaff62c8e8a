"""Hot Readers that Chalice deployed to AWS: their API is throttled, and their endpoints are saved.

The connections lead to the API or to a Function URL of the same function. The API is there in either
case, as Chalice makes it, and is throttled before anybody learns of it.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.model.reads import READS
from deploy_scripts.errors import VerbError
from deploy_scripts.plan.plan import API_GATEWAY, FUNCTION_URL
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.publish.connections import save
from deploy_scripts.publish.function_url import FunctionUrl
from deploy_scripts.stage.deployed import NotDeployedError, deploy_command
from deploy_scripts.stage.stage import API_HANDLER
from deploy_scripts.tokens.stage_token import accepted_tokens

if TYPE_CHECKING:
    from chalicelib.model.layout import ProviderLayout
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.stage.deployed import DeployedStage, RestApi
    from deploy_scripts.tokens.stores import TokenStore

FIRST_RATE: Final = 100
FIRST_BURST: Final = 200


def publish(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    *,
    deployed: DeployedStage,
    tokens: TokenStore,
    gateway: Any,
    lambda_: Any,
    rate: int | None = None,
    burst: int | None = None,
    endpoint: str | None = None,
    dry_run: bool = False,
) -> tuple[str, list[str]]:
    """Throttle the API of a deployed stage, and save its endpoints as connections.

    `rate`, `burst` and `endpoint` are the options of the verb; None for those of now, or else the first ones.
    Returns the kind of endpoint that the connections lead to, and a line for each change.
    """
    api = deployed.rest_api
    if api is None:
        raise NotDeployedError(
            f"The stage {deployed.stage!r} has no HTTP endpoints: it was deleted, or deployed for "
            f"another layout. Deploy it again: {deploy_command(deployed.stage)}"
        )
    accepted = accepted_tokens(tokens)
    saved_urls = [each.url for each in connections.load().values()]
    function_url = FunctionUrl.find(lambda_, deployed.lambda_arn(API_HANDLER))
    ours = function_url.is_ours(saved_urls)
    endpoint = endpoint or (FUNCTION_URL if ours else API_GATEWAY)
    url: str | None = api.url
    changes = []
    if endpoint == FUNCTION_URL:
        _check_function_url(function_url, ours=ours, throttled=bool(rate or burst))
    changes += _throttle(gateway, api, rate, burst, dry_run=dry_run)
    if endpoint == FUNCTION_URL:
        url, made = function_url.make(lambda_, dry_run=dry_run)
        changes += made
    if url is None:  # what a dry run would make
        changes += _new_connections(layout, "Function URL")
    else:
        urls = {read: url.rstrip("/") + read.path for read in READS}
        changes += save(layout, connections, urls, accepted, dry_run=dry_run)
    if endpoint == API_GATEWAY:  # only now: until here callers may still know the Function URL
        removed = function_url.remove(lambda_, saved_urls, dry_run=dry_run)
        changes += [f"{each}: removed" for each in removed]
    return endpoint, changes


def first_changes(layout: ProviderLayout, endpoint: str | None) -> list[str]:
    """Return a line for each change that `publish` makes once endpoints are deployed for the first time."""
    url = "Function URL" if endpoint == FUNCTION_URL else "API"
    made = [f"Function URL of the new {API_HANDLER}"] if endpoint == FUNCTION_URL else []
    return [_throttling(FIRST_RATE, FIRST_BURST), *made, *_new_connections(layout, url)]


def _new_connections(layout: ProviderLayout, to: str) -> list[str]:
    return [f"connection {connection_id(layout, read)}: the {to}'s {read.path}" for read in READS]


def _check_function_url(function_url: FunctionUrl, *, ours: bool, throttled: bool) -> None:
    if throttled:
        raise VerbError(
            "Nothing throttles a Function URL: leave out --rate and --burst and limit it by "
            "REQUESTS_PER_SECOND in the stage or the function's reserved concurrency, or publish "
            "the API with --endpoint api-gateway."
        )
    if function_url.url is not None and not ours:
        raise VerbError(
            f"{function_url.function} has a Function URL that wasn't made here: "
            f"{function_url.url}. Delete it if nobody needs it, and publish again; or use "
            "--endpoint api-gateway."
        )


def _throttle(
    gateway: Any, api: RestApi, rate: float | None, burst: float | None, *, dry_run: bool
) -> list[str]:
    # The record names the API's stage in the URL only.
    where = {"restApiId": api.id, "stageName": urlsplit(api.url).path.strip("/")}
    settings: dict[str, Any] = {}
    # A deployment that was cut off may have left an API without a stage, and then another is tried.
    with suppress(gateway.exceptions.NotFoundException) if dry_run else nullcontext():
        settings = gateway.get_stage(**where).get("methodSettings", {}).get("*/*", {})
    known = (settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit"))
    rate = rate or _set_before(known[0]) or FIRST_RATE
    burst = burst or _set_before(known[1]) or FIRST_BURST
    if known == (rate, burst):
        return []
    if not dry_run:
        limits = {"rateLimit": rate, "burstLimit": burst}
        gateway.update_stage(
            **where,
            patchOperations=[
                {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(limit)}
                for name, limit in limits.items()
            ],
        )
    return [_throttling(rate, burst)]


def _throttling(rate: float, burst: float) -> str:
    return f"throttling of the API: {rate:g} requests per second, bursts of {burst}"


def _set_before(limit: float | None) -> float | None:
    # API Gateway shows -1 where throttling is off (API Gateway API reference, MethodSetting).
    return limit if limit and limit > 0 else None
