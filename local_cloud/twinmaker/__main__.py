"""Runs the local TwinMaker in the foreground: ``python -m local_cloud.twinmaker``."""

from __future__ import annotations

import logging
import signal
import threading

import click

from .server import LocalTwinMaker


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port to listen on; 0 for a free one.")
@click.option(
    "--lambda-endpoint",
    metavar="URL",
    help="Lambda endpoint that connectors are invoked at. Without it, boto3's own: real Lambda.",
)
@click.option(
    "--lambda-timeout", default=60.0, show_default=True, help="Seconds a connector may take."
)
@click.option("--region", default="eu-central-1", show_default=True, help="Region of the ARNs.")
@click.option(
    "--account-id", default="123456789012", show_default=True, help="Account of the ARNs."
)
@click.option("--quiet", is_flag=True, help="Don't log a line for each request.")
def main(
    host: str,
    port: int,
    lambda_endpoint: str | None,
    lambda_timeout: float,
    region: str,
    account_id: str,
    *,
    quiet: bool,
) -> None:
    """Run a local AWS IoT TwinMaker until Ctrl-C.

    Point boto3 at the URL that it prints, with AWS_ENDPOINT_URL_IOTTWINMAKER or endpoint_url, and
    turn host prefixes off: Config(inject_host_prefix=False). Its state is in memory and ends with
    it.
    """
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO, format="%(asctime)s %(message)s"
    )
    twinmaker = LocalTwinMaker(
        host=host,
        port=port,
        region=region,
        account_id=account_id,
        lambda_endpoint_url=lambda_endpoint,
        lambda_timeout=lambda_timeout,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        twinmaker.start()
    except OSError as error:
        raise click.ClickException(f"Can't listen on {host}:{port}: {error}") from error
    click.echo(f"Local TwinMaker: {twinmaker.url}")
    stopped.wait()
    twinmaker.stop()
    click.echo("Local TwinMaker: stopped")


if __name__ == "__main__":
    main()
