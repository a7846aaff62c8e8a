"""The command line: `python -m deploy_scripts VERB`."""

from __future__ import annotations

from typing import Any

import click

from demo.commands import demo, local
from demo.load_telemetry import load_telemetry
from deploy_scripts.commands import options
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.deploy import deploy
from deploy_scripts.commands.destroy import destroy
from deploy_scripts.commands.package import package
from deploy_scripts.commands.plan import plan
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register
from deploy_scripts.commands.rotate_token import rotate_token
from deploy_scripts.commands.verify import verify
from deploy_scripts.lasting_output import outlive_readers


class _Verbs(click.Group):
    """The verbs, whose expected failures are reported without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        with options.reported_failures():
            return super().invoke(ctx)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Multi-Cloud Hot Reader: deployments, the local cloud, sample telemetry and the demo."""


for verb in (
    *(plan, configure, package, deploy, publish, register, verify, rotate_token, destroy),
    *(local, demo, load_telemetry),
):
    cli.add_command(verb)


def main() -> None:
    """Run the command line."""
    outlive_readers()
    cli(prog_name="python -m deploy_scripts")


if __name__ == "__main__":
    main()
