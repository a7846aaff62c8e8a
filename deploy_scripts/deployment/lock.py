"""One deployment of a stage at a time: two clones of a project see the same account and nothing else.

The lock is an SSM parameter: PutParameter without Overwrite creates it or fails (Systems Manager API
reference, PutParameter). It says who has it. A run that was cut off leaves it behind; the next one takes
it over if the run was on the same machine and has ended, or can't be running any more.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from deploy_scripts.errors import RefusedError, lacks_permission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy_scripts import MakeClient
    from deploy_scripts.stage.stage import Stage

_LONGEST: Final = timedelta(hours=1)
"""No run takes as long: TwinMaker is waited for at most 5 minutes for each kind of thing."""


def is_locked(stage: Stage, client: MakeClient) -> bool:
    """Tell whether somebody has the lock, or had it and was cut off; False if that can't be looked at."""
    ssm = client("ssm")
    try:
        ssm.get_parameter(Name=_name(stage))
    except ssm.exceptions.ParameterNotFound:
        return False
    except ClientError as error:
        if not lacks_permission(error):
            raise
        return False
    return True


@contextmanager
def only_deployment(
    stage: Stage, client: MakeClient, report: Callable[[str], None]
) -> Iterator[None]:
    """Change a stage while nobody else does.

    `report` gets a line if the credentials don't suffice for a lock: then there is none. Raises a
    `RefusedError` that says who else is at it.
    """
    ssm, name = client("ssm"), _name(stage)
    who = client("sts").get_caller_identity()["Arn"]
    try:
        _take(ssm, name, who)
    except ClientError as error:
        if not lacks_permission(error):
            raise
        report(f"Nothing keeps others from deploying this stage at the same time: {error}")
        yield
        return
    try:
        yield
    finally:
        with suppress(ssm.exceptions.ParameterNotFound):
            ssm.delete_parameter(Name=name)


def _name(stage: Stage) -> str:
    return f"/{stage.app_name}/{stage.name}/deploying"


def _take(ssm: Any, name: str, who: str) -> None:
    own = {"who": who, "host": socket.gethostname(), "process": os.getpid()}
    value = json.dumps(own | {"since": datetime.now(UTC).isoformat(timespec="seconds")})
    lock = {"Name": name, "Value": value, "Type": "String"}
    found = None
    while found is None:
        try:
            ssm.put_parameter(**lock)
        except ssm.exceptions.ParameterAlreadyExists:
            with suppress(ssm.exceptions.ParameterNotFound):  # released just now: try again
                found = ssm.get_parameter(Name=name)["Parameter"]
        else:
            return
    if _is_held(name, found["Value"]):
        raise _held(name, found["Value"])
    taken = ssm.put_parameter(**lock, Overwrite=True)
    if taken["Version"] != found["Version"] + 1:  # somebody took it over in between
        raise _held(name, value)


def _is_held(name: str, value: str) -> bool:
    try:
        holder = json.loads(value)
        age = datetime.now(UTC) - datetime.fromisoformat(holder["since"])
        here, process = holder["host"] == socket.gethostname(), int(holder["process"])
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            f"The SSM parameter {name} is there and isn't a lock of deploy's. Delete it, or choose "
            "another stage."
        ) from error
    return age < _LONGEST and not (here and not _is_running(process))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _held(name: str, value: str) -> RefusedError:
    holder = json.loads(value)
    return RefusedError(
        f"Somebody is deploying or destroying this stage: {holder['who']} on {holder['host']}, process "
        f"{holder['process']}, since {holder['since']}. Nothing was changed. Wait until that ends, and "
        f"run this again. If it was cut off: aws ssm delete-parameter --name {name}"
    )
