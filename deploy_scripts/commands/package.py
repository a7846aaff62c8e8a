"""`python -m deploy_scripts package`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from deploy_scripts import PROJECT
from deploy_scripts.commands.options import USAGE, config_option, fail
from deploy_scripts.package.commands import Name, commands
from deploy_scripts.package.package import (
    AZURE,
    CLOUDS,
    PackageError,
    check_layout,
    contents,
    settings,
    spelled,
    zipped,
)
from deploy_scripts.project_files.twin_configuration import ConfigurationProblems, TwinConfiguration
from deploy_scripts.project_files.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy_scripts.package.package import Cloud

_COLLECTION: Final = "hot-telemetry"
_SETTINGS: Final = {
    "device_id_attribute": "DEVICE_ID_ATTRIBUTE",
    "timestamp_attribute": "TIMESTAMP_ATTRIBUTE",
    "timestamp_format": "TIMESTAMP_FORMAT",
    "mixed_offsets": "MIXED_OFFSETS",
    "requests_per_second": "REQUESTS_PER_SECOND",
}
"""Options that are settings, on either cloud."""
_ONLY: Final = {
    "azure": (
        "cosmos_endpoint",
        "cosmos_resource_group",
        "container",
        "resource_group",
        "storage_account",
        "key_vault",
    ),
    "gcp": ("collection", "project", "firestore_project"),
}
"""Options that belong to one cloud."""


@click.command()
@click.option(
    "--cloud", "cloud_name", type=click.Choice(list(CLOUDS)), required=True, help="For which cloud."
)
@config_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="Where the zip and the settings are written.",
)
@click.option("--cosmos-endpoint", help="Azure: the Cosmos DB account's URL; required.")
@click.option("--container", help=f"Azure: the container.  [default: {_COLLECTION}]")
@click.option("--collection", help=f"Google Cloud: the collection.  [default: TWIN-{_COLLECTION}]")
@click.option("--database", help="The database.  [default: the twin's name; Firestore's (default)]")
@click.option("--device-id-attribute", help="The field with the device's id.  [default: device_id]")
@click.option("--timestamp-attribute", help="The field with the instant.  [default: timestamp]")
@click.option(
    "--timestamp-format",
    help="iso8601, epoch_milliseconds or epoch_milliseconds_text.  [default: iso8601]",
)
@click.option("--mixed-offsets", is_flag=True, help="Instants have offsets other than UTC.")
@click.option("--requests-per-second", help="That one instance answers.  [default: no limit]")
@click.option("--app", help="The function app on Azure; the function's name on Google Cloud.")
@click.option("--region", help="Where the functions run.")
@click.option("--resource-group", help="Azure: of the function app.")
@click.option("--storage-account", help="Azure: of the function app, for its code.")
@click.option("--key-vault", help="Azure: where the token is kept.")
@click.option("--cosmos-resource-group", help="Azure: of the account.  [default: the app's]")
@click.option("--project", help="Google Cloud: the functions' project.")
@click.option("--firestore-project", help="Google Cloud: Firestore's.  [default: the functions']")
@click.option("--dry-run", is_flag=True, help="List what would be packaged, and write nothing.")
def package(
    cloud_name: str,
    config: Path,
    output: Path,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    **options: Any,
) -> None:
    """Package the Hot Readers for Azure or Google Cloud, and print how to publish them.

    Writes a zip and a settings file without secrets; prints a shell script for az or gcloud on
    standard output, and all else on standard error. Nothing is sent anywhere. An option about where
    the functions will be fills in a name in the script; what is left out is to be filled in there.

    Run again, it changes only what differs. Exit codes: 0 done, 2 something is wrong with the command
    or the configuration.
    """
    cloud = CLOUDS[cloud_name]
    for other, only in _ONLY.items():
        given = [name for name in only if options[name] is not None]
        if other != cloud_name and given:
            raise click.UsageError(f"--{given[0].replace('_', '-')} belongs to --cloud {other}.")
    try:
        twin = TwinConfiguration.load(config)
        check_layout(twin, cloud)
        if cloud is AZURE and not options["cosmos_endpoint"]:
            raise click.UsageError(
                "--cloud azure needs --cosmos-endpoint, such as https://my-twin.documents.azure.com."
            )
        files = contents(PROJECT, cloud)
        values = settings(twin, cloud, _given(cloud, twin.name, options))
        zip_path = output / f"hot-reader-{cloud.name}.zip"
        settings_path = output / f"hot-reader-{cloud.name}-{cloud.settings_suffix}"
        written = {zip_path: zipped(files), settings_path: spelled(cloud, values)}
        names = [
            Name("ZIP", str(zip_path)),
            Name("SETTINGS", str(settings_path)),
            Name("TOKEN_FILE", str(output / f"inter-cloud-token-{cloud.name}")),
            Name("CONFIG", _shown(config)),
            *_names(cloud, output, twin.name, options),
        ]
        script = commands(cloud, names, files)
    except (ConfigurationProblems, PackageError) as error:
        fail(str(error), USAGE)
    if dry_run:
        _list(zip_path, files, settings_path, written[settings_path])
    else:
        _write(written)
    if twin.devices and not DigitalTwinInfo.load(values).devices:
        click.echo(
            "There are too many devices for DIGITAL_TWIN_INFO: queries must say their types.",
            err=True,
        )
    click.echo(script, nl=False)


def _given(cloud: Cloud, twin: str, options: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the settings that options say, by variable."""
    found = {variable: options[name] for name, variable in _SETTINGS.items()}
    found["MIXED_OFFSETS"] = "true" if options["mixed_offsets"] else None
    if cloud is AZURE:
        return found | {
            "COSMOS_ENDPOINT": options["cosmos_endpoint"],
            "COSMOS_DATABASE": options["database"] or twin,
            "COSMOS_CONTAINER": options["container"] or _COLLECTION,
        }
    return found | {
        "FIRESTORE_PROJECT": options["firestore_project"],
        "FIRESTORE_DATABASE": options["database"],
        "FIRESTORE_COLLECTION": options["collection"] or f"{twin}-{_COLLECTION}",
    }


def _names(cloud: Cloud, output: Path, twin: str, options: Mapping[str, Any]) -> list[Name]:
    """Return the shell variables of a cloud's commands."""
    if cloud is AZURE:
        return [
            Name("REGION", options["region"], "Such as westeurope: best the hot storage's."),
            Name("RESOURCE_GROUP", options["resource_group"], "The function app's."),
            Name(
                "APP", options["app"], "The function app: a part of its URL, unique in the world."
            ),
            Name(
                "STORAGE_ACCOUNT",
                options["storage_account"],
                "For its code: 3 to 24 small letters and digits, unique in the world.",
            ),
            Name(
                "KEY_VAULT",
                options["key_vault"],
                "For the token: 3 to 24 letters, digits and hyphens, unique in the world.",
            ),
            Name(
                "COSMOS_ACCOUNT",
                _cosmos_account(options["cosmos_endpoint"]),
                "The Cosmos DB account's name.",
            ),
            Name(
                "COSMOS_RESOURCE_GROUP",
                options["cosmos_resource_group"],
                same_as="RESOURCE_GROUP",
            ),
            Name("DATABASE", options["database"] or twin),
            Name("CONTAINER", options["container"] or _COLLECTION),
        ]
    collection = options["collection"] or f"{twin}-{_COLLECTION}"
    return [
        Name("SOURCE", str(output / "hot-reader-gcp")),
        Name("PROJECT", options["project"], "The functions' project."),
        Name("FIRESTORE_PROJECT", options["firestore_project"], same_as="PROJECT"),
        Name("REGION", options["region"], "Such as europe-west1: best the hot storage's."),
        Name("APP", options["app"] or "hot-reader"),
        Name("DATABASE", options["database"] or "(default)"),
        # Of a path such as twins/my-twin/telemetry, the last part is what indexes go by.
        Name("COLLECTION_GROUP", collection.rpartition("/")[2]),
        Name("DEVICE_ID_ATTRIBUTE", options["device_id_attribute"] or "device_id"),
        Name("TIMESTAMP_ATTRIBUTE", options["timestamp_attribute"] or "timestamp"),
    ]


def _cosmos_account(endpoint: str) -> str | None:
    """Return the account that an endpoint in Azure names."""
    host = urlsplit(endpoint).hostname or ""
    account, _, domain = host.partition(".")
    return account if domain.startswith("documents.azure.") else None


def _shown(path: Path) -> str:
    """Return a path as a person in the current directory would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _write(files: Mapping[Path, bytes]) -> None:
    """Write what differs."""
    for path, content in files.items():
        try:
            if path.is_file() and path.read_bytes() == content:
                click.echo(f"unchanged: {path}", err=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as error:
            fail(f"{path} can't be written: {error.strerror}.", USAGE)
        click.echo(f"changed: {path} ({len(content):,} bytes)", err=True)


def _list(zip_path: Path, files: Mapping[str, bytes], settings_path: Path, text: bytes) -> None:
    """Say what would be written."""
    click.echo(f"would be in {zip_path}:", err=True)
    for name, content in files.items():
        click.echo(f"  {name} ({len(content):,} bytes)", err=True)
    click.echo(f"would be in {settings_path}:", err=True)
    click.echo("".join(f"  {line}\n" for line in text.decode().splitlines()), nl=False, err=True)
