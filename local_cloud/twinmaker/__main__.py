"""The command `local-twinmaker`: the local TwinMaker in the foreground."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path

import click

from .protocol.rest_json import load_model
from .protocol.validation import violations
from .server import LocalTwinMaker
from .twin.state_file import StateFileError

_READY = """\
Local TwinMaker: {url}

Point an SDK or the AWS CLI at it by environment variables:
  export AWS_ENDPOINT_URL_IOTTWINMAKER={url}
  export AWS_DISABLE_HOST_PREFIX_INJECTION=true
  export AWS_REGION={region}
  export AWS_DEFAULT_REGION={region}
or in code, as with boto3:
  boto3.client("iottwinmaker", endpoint_url="{url}", config=Config(inject_host_prefix=False))
Any credentials will do, but there must be some; if you have none:
  export AWS_ACCESS_KEY_ID=local
  export AWS_SECRET_ACCESS_KEY=local
Connectors are invoked {invoked}.
Ctrl-C stops it; {kept}."""
_LOST = "what was created is lost then"


def _functions(
    context: click.Context,  # noqa: ARG001 - the signature is click's
    option: click.Parameter,  # noqa: ARG001
    given: tuple[str, ...],
) -> dict[str, str]:
    """Split what was given into ARNs and targets."""
    functions: dict[str, str] = {}
    for each in given:
        arn, _, target = each.partition("=")
        if not target or violations(arn, load_model("iottwinmaker").shape_for("LambdaArn")):
            raise click.BadParameter(
                f"{each!r} must be the ARN of a Lambda function, without a version, and its "
                "target, such as arn:aws:lambda:eu-central-1:123456789012:function:reader="
                "http://127.0.0.1:9001"
            )
        functions[arn] = target
    return functions


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. There is no authentication: leave it on loopback.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="The port to listen on; 0 for a free one.",
)
@click.option(
    "--lambda-endpoint",
    metavar="URL",
    help="The URL at which connectors are invoked: a local Lambda, or any server that answers "
    "Lambda's Invoke.  [default: AWS Lambda, with your credentials]",
)
@click.option(
    "--function",
    "functions",
    metavar="ARN=TARGET",
    multiple=True,
    callback=_functions,
    help="A connector by the ARN of its function: a URL that takes the event as a POST, or a Python "
    "handler as module:handler. May be given several times; without --lambda-endpoint there are "
    "no others.",
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to keep what is created in.  [default: it is lost]",
)
@click.option(
    "--lambda-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="The seconds that a connector may take.",
)
@click.option(
    "--region", default="eu-central-1", show_default=True, help="The region of ARNs and of Lambda."
)
@click.option(
    "--account-id", default="123456789012", show_default=True, help="The account of ARNs."
)
@click.option(
    "--allow-origin",
    "allowed_origins",
    metavar="ORIGIN",
    multiple=True,
    help="The origin of web pages that may use it in a browser, such as https://example.com; may be "
    "given several times. Pages of this machine always may.",
)
@click.option("--quiet", is_flag=True, help="Don't log a line for each request.")
def main(
    host: str,
    port: int,
    lambda_endpoint: str | None,
    functions: dict[str, str],
    state_file: Path | None,
    lambda_timeout: float,
    region: str,
    account_id: str,
    allowed_origins: tuple[str, ...],
    *,
    quiet: bool,
) -> None:
    """Run a local AWS IoT TwinMaker until Ctrl-C.

    It speaks TwinMaker's REST API. Component types name their connectors by the ARN of a Lambda
    function; for a read, the function is invoked, and its answer is checked.

    Point an SDK at the URL that is printed, with AWS_ENDPOINT_URL_IOTTWINMAKER or endpoint_url, and
    turn host prefixes off, with AWS_DISABLE_HOST_PREFIX_INJECTION=true or, for boto3,
    Config(inject_host_prefix=False).
    """
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO, format="%(asctime)s %(message)s"
    )
    sys.path.insert(0, str(Path.cwd()))  # where --function's modules are, as for python -m
    try:
        twinmaker = LocalTwinMaker(
            host=host,
            port=port,
            region=region,
            account_id=account_id,
            lambda_endpoint_url=lambda_endpoint,
            lambda_timeout=lambda_timeout,
            functions=functions,
            state_file=state_file,
            allowed_origins=allowed_origins,
        )
    except (ValueError, StateFileError) as error:
        raise click.ClickException(str(error)) from error
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        twinmaker.start()
    except OSError as error:
        raise click.ClickException(
            f"Can't listen on {host}:{port}: {error}. Try another --port."
        ) from error
    places = [f"{arn} at {target}" for arn, target in functions.items()]
    if lambda_endpoint or not functions:
        places.append(f"at {lambda_endpoint}" if lambda_endpoint else f"on AWS Lambda in {region}")
    kept = f"what was created is kept in {state_file}" if state_file else _LOST
    invoked = "; ".join(places)
    click.echo(_READY.format(url=twinmaker.url, region=region, invoked=invoked, kept=kept))
    stopped.wait()
    twinmaker.stop()
    click.echo("Local TwinMaker: stopped")


if __name__ == "__main__":
    main()
