"""Publishes Hot Readers to the cloud that has the twin: their URLs and their token, as connections.

Where a Hot Reader was deployed to AWS by Chalice, its URL is the one that Chalice recorded, or that of
a Function URL made here, and its token is the one that its endpoints accept; there the API is
throttled, too, before anybody learns of it. Of a Hot Reader on another cloud, a person says where it
is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.model.reads import READS
from chalicelib.settings.secure_url import check_reader_url
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.errors import VerbError
from deploy_scripts.plan.plan import API_GATEWAY, FUNCTION_URL
from deploy_scripts.project_files.inter_cloud import Connection, connection_id
from deploy_scripts.publish.function_url import FunctionUrl
from deploy_scripts.stage.deployed import NotDeployedError
from deploy_scripts.stage.stage import API_HANDLER
from deploy_scripts.tokens.stage_token import accepted_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.layout import ProviderLayout
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.stage.deployed import DeployedStage, RestApi
    from deploy_scripts.tokens.stores import TokenStore

FIRST_RATE: Final = 100
FIRST_BURST: Final = 200


class PublishError(VerbError):
    """The Hot Readers can't be published; the message says why and what to do, and holds no token."""


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did.

    Attributes
    ----------
    endpoint
        What the connections lead to: `api-gateway` or `function-url`.
    changes
        What was changed (or would be), in words; empty if all was so before.
    """

    endpoint: str
    changes: list[str]


@dataclass(frozen=True, slots=True)
class Throttling:
    """How much an API's stage takes before it answers 429.

    Attributes
    ----------
    rate
        Requests per second that it keeps up with; None for what it has, or else `FIRST_RATE`.
    burst
        Requests that it takes at once; None for what it has, or else `FIRST_BURST`.
    """

    rate: int | None = None
    burst: int | None = None


# --- Hot Readers on AWS -----------------------------------------------------------------------


def check_endpoints_on_aws(layout: ProviderLayout) -> None:
    """Check that a layout has Hot Readers on AWS that another cloud asks.

    Raises
    ------
    PublishError
        It hasn't.
    """
    if layout.layer_3_hot == "aws" and layout.crosses_clouds:
        return
    problem = f"Hot storage on {layout.layer_3_hot} and twin on {layout.layer_4}: "
    if not layout.crosses_clouds:
        raise PublishError(f"{problem}no other cloud asks for telemetry, so nothing is public.")
    raise PublishError(
        f"{problem}the Hot Readers aren't on AWS. Deploy them on {layout.layer_3_hot}, then run "
        f"publish --cloud {layout.layer_3_hot} --url URL --last-entry-url URL."
    )


def publish_stage(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    *,
    deployed: DeployedStage,
    tokens: TokenStore,
    gateway: Any,
    lambda_: Any,
    throttling: Throttling | None = None,
    endpoint: str | None = None,
    dry_run: bool = False,
) -> Published:
    """Throttle the API of a deployed stage and save its endpoints as connections.

    The API is there whatever the connections lead to: Chalice makes it.

    Parameters
    ----------
    layout
        The provider layout.
    connections
        Where connections are saved.
    deployed
        The stage, as Chalice deployed it.
    tokens
        Where its endpoints keep their token.
    gateway
        A boto3 client of `apigateway`.
    lambda_
        A boto3 client of `lambda`.
    throttling
        What the API takes, if it was chosen.
    endpoint
        What the connections shall lead to: `api-gateway` or `function-url`; None for what they lead
        to now, or else `api-gateway`.
    dry_run
        True to change nothing.

    Returns
    -------
    Published
        What was changed (or would be).

    Raises
    ------
    PublishError
        The layout has no endpoints on AWS, there is no token, the function has a Function URL of
        somebody else's, or throttling was chosen for one of ours.
    deploy_scripts.stage.deployed.NotDeployedError
        The stage was deployed without endpoints.
    botocore.exceptions.ClientError
        AWS refused.
    """
    check_endpoints_on_aws(layout)
    api = deployed.rest_api
    if api is None:
        raise NotDeployedError(
            f"The stage {deployed.stage!r} has no HTTP endpoints: it was deleted, or deployed for "
            f"another layout. Deploy it again: chalice deploy --stage {deployed.stage}"
        )
    accepted = accepted_tokens(tokens)
    saved_urls = [each.url for each in connections.load().values()]
    function_url = FunctionUrl.find(lambda_, deployed.lambda_arn(API_HANDLER))
    ours = function_url.is_ours(saved_urls)
    endpoint = endpoint or (FUNCTION_URL if ours else API_GATEWAY)
    if endpoint == API_GATEWAY:
        changes = _throttle(gateway, api, throttling or Throttling(), dry_run=dry_run)
        wanted = _wanted(layout, connections, api.url, accepted)
        changes += _save(layout, connections, wanted, dry_run=dry_run)
        # Only now: until here callers may still know of it.
        removed = function_url.remove(lambda_, saved_urls, dry_run=dry_run)
        changes += [f"{each}: taken away" for each in removed]
        return Published(endpoint, changes)
    _check_function_url(function_url, throttling, ours=ours)
    changes = _throttle(gateway, api, Throttling(), dry_run=dry_run)
    url, made = function_url.make(lambda_, dry_run=dry_run)
    changes += made
    if url is None:  # what a dry run would make
        changes += [
            f"connection {connection_id(layout, read)}: the Function URL's {read.path}"
            for read in READS
        ]
    else:
        wanted = _wanted(layout, connections, url, accepted)
        changes += _save(layout, connections, wanted, dry_run=dry_run)
    return Published(endpoint, changes)


def _check_function_url(
    function_url: FunctionUrl, throttling: Throttling | None, *, ours: bool
) -> None:
    if throttling is not None:
        raise PublishError(
            "Nothing throttles a Function URL: leave out --rate and --burst and limit it by "
            "REQUESTS_PER_SECOND in the stage or the function's reserved concurrency, or publish "
            "the API with --endpoint api-gateway."
        )
    if function_url.url is not None and not ours:
        raise PublishError(
            f"{function_url.function} has a Function URL that wasn't made here: "
            f"{function_url.url}. Delete it if nobody needs it, and publish again; or use "
            "--endpoint api-gateway."
        )


def _wanted(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    url: str,
    accepted: Sequence[str],
) -> list[Connection]:
    """Return the connections to the endpoints below a URL."""
    saved = connections.load()
    wanted = []
    for read in READS:
        name = connection_id(layout, read)
        known = saved.get(name)
        # While a token changes, the previous one is the one that each endpoint knows by now; a
        # caller that has the new one keeps it (see `rotate_token`).
        token = known.token if known is not None and known.token in accepted else accepted[-1]
        wanted.append(Connection(name, url.rstrip("/") + read.path, token))
    return wanted


def _throttle(gateway: Any, api: RestApi, wanted: Throttling, *, dry_run: bool) -> list[str]:
    # The record names the API's stage in the URL only.
    stage = urlsplit(api.url).path.strip("/")
    where = {"restApiId": api.id, "stageName": stage}
    settings = gateway.get_stage(**where).get("methodSettings", {}).get("*/*", {})
    known = (settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit"))
    rate = wanted.rate or _set_before(known[0]) or FIRST_RATE
    burst = wanted.burst or _set_before(known[1]) or FIRST_BURST
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
    return [f"throttling of the API: {rate:g} requests per second, bursts of {burst}"]


def _set_before(limit: float | None) -> float | None:
    # API Gateway shows -1 where throttling is off (API Gateway API reference, MethodSetting).
    return limit if limit and limit > 0 else None


# --- Hot Readers on another cloud -------------------------------------------------------------


def publish_remote(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    *,
    cloud: str,
    urls: Sequence[str],
    token: str,
    dry_run: bool = False,
) -> list[str]:
    """Save where the Hot Readers on another cloud are.

    Parameters
    ----------
    layout
        The provider layout.
    connections
        Where connections are saved.
    cloud
        `azure` or `gcp`.
    urls
        Of the Hot Reader and of the Hot Reader Last Entry.
    token
        The token that they accept.
    dry_run
        True to change nothing.

    Returns
    -------
    list[str]
        What was changed (or would be), in words; empty if all was so before.

    Raises
    ------
    PublishError
        The layout has no Hot Readers there that another cloud asks, or the URLs or the token can't
        be right.
    chalicelib.model.errors.ConfigurationError
        A URL or the token can't be used.
    """
    check_remote(layout, cloud)
    if urls[0].strip() == urls[1].strip():
        raise PublishError(
            "Both URLs are the same, but the two Hot Readers give different answers: name the Hot "
            "Reader Last Entry's own with --last-entry-url."
        )
    token = token.strip()
    if "," in token:
        raise PublishError("A connection has one token: the one that is sent.")
    wanted = []
    for read, url in zip(READS, urls, strict=True):
        name = connection_id(layout, read)
        check_reader_url(f"The URL of {name}", url.strip())
        TokenReference.parse(f"The token of {name}", token, max_age=1)
        wanted.append(Connection(name, url.strip(), token))
    return _save(layout, connections, wanted, dry_run=dry_run)


def check_remote(layout: ProviderLayout, cloud: str) -> None:
    """Check that a layout has Hot Readers on a cloud that another cloud asks.

    Raises
    ------
    PublishError
        It hasn't.
    """
    if layout.layer_3_hot != cloud or not layout.crosses_clouds:
        raise PublishError(
            f"Hot storage on {layout.layer_3_hot} and twin on {layout.layer_4}: there is no Hot "
            f"Reader on {cloud} that another cloud asks."
        )


def known_token(layout: ProviderLayout, connections: InterCloudConnections) -> str | None:
    """Return the token that a layout's connections have; None if none has one.

    Raises
    ------
    PublishError
        They have different ones.
    deploy_scripts.project_files.inter_cloud.InterCloudError
        The connections can't be read.
    """
    found = [connections.get(layout, read) for read in READS]
    tokens = {each.token for each in found if each is not None}
    if len(tokens) > 1:
        raise PublishError(
            "The two connections have different tokens: say with --token-file which one is right."
        )
    return tokens.pop() if tokens else None


# --- connections ------------------------------------------------------------------------------


def unpublish(
    layout: ProviderLayout, connections: InterCloudConnections, *, dry_run: bool = False
) -> list[str]:
    """Remove the connections that publishing saved; one that is gone already is no error.

    Parameters
    ----------
    layout
        The provider layout.
    connections
        Where connections are saved.
    dry_run
        True to change nothing.

    Returns
    -------
    list[str]
        The ids of those that were removed (or would be).

    Raises
    ------
    deploy_scripts.project_files.inter_cloud.InterCloudError
        The connections can't be read or written.
    """
    if not layout.crosses_clouds:
        return []
    there = connections.load()
    found = []
    for read in READS:
        name = connection_id(layout, read)
        removed = name in there if dry_run else connections.remove(layout, read)
        found += [name] if removed else []
    return found


def _save(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    wanted: Sequence[Connection],
    *,
    dry_run: bool,
) -> list[str]:
    changes = []
    known = connections.load()
    for read, each in zip(READS, wanted, strict=True):
        if known.get(each.id) == each:
            continue
        changes.append(f"connection {each.id}: {_difference(known, each)}")
        if not dry_run:
            connections.put(layout, read, url=each.url, token=each.token)
    return changes


def _difference(known: Mapping[str, Connection], wanted: Connection) -> str:
    before = known.get(wanted.id)
    if before is not None and before.url == wanted.url:
        return "another token"
    return wanted.public_url
