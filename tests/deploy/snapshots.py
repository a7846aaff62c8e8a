"""Snapshots of an account, its TwinMaker and a project, which can be put back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from moto.core.base_backend import BackendDict
from moto.ssm.models import ParameterDict

from local_cloud.aws import moto_accounts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_cloud.aws.account import LocalAws
    from local_cloud.twinmaker import LocalTwinMaker
    from local_cloud.twinmaker.twin.store import Store

_NOT_KEPT: Final = frozenset({"deployments", "__pycache__"})
"""Folders of caches: Chalice's packages, and bytecode."""


class Snapshot:
    """All that an account and its TwinMaker hold, and the files of a project's folders.

    Parameters
    ----------
    aws, twinmaker
        The local clouds; no request to them is under way.
    folders
        The project's folders that change.
    """

    def __init__(self, aws: LocalAws, twinmaker: LocalTwinMaker, *folders: Path) -> None:
        self._account_id = aws.account_id
        self._folders = folders
        self._files = files_of(*folders)
        self._backends = [
            (backends, _copy(backends[self._account_id]))
            for backends in BackendDict._instances
            if self._account_id in backends
        ]
        self._store = store_of(twinmaker)
        self._twinmaker = copy.deepcopy((self._store.spaces, self._store.tags))

    @property
    def twinmaker(self) -> Any:
        """The contents of TwinMaker, in a form that can be compared."""
        spaces, tags = self._twinmaker
        return {name: vars(space) for name, space in spaces.items()}, tags

    def put_back(self) -> None:
        """Make everything what it was, as often as wanted."""
        moto_accounts.drop(self._account_id)
        for backends, kept in self._backends:
            backends[self._account_id] = _copy(kept)
        self._store.spaces, self._store.tags = copy.deepcopy(self._twinmaker)
        for path in files_of(*self._folders).keys() - self._files.keys():
            path.unlink()
        for path, content in self._files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def store_of(twinmaker: LocalTwinMaker) -> Store:
    """Return where a local TwinMaker keeps everything, which only its handlers know."""
    list_workspaces: Any = twinmaker._application._handlers["ListWorkspaces"]
    store: Store = list_workspaces.__self__._store
    return store


def files_of(*folders: Path) -> Mapping[Path, bytes]:
    """Read what is in folders and below, without caches."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not _NOT_KEPT & {*path.relative_to(folder).parts}:
                found[path] = path.read_bytes()
    return found


def _copy(backends: Any) -> Any:
    """Copy an account's part of a service; what copies SSM's parameters by itself can't make them."""
    made: dict[int, Any] = {}
    for backend in backends.values():
        parameters = getattr(backend, "_parameters", None)
        if isinstance(parameters, ParameterDict):
            copied = ParameterDict(parameters.account_id, parameters.region_name)
            copied.update(copy.deepcopy(dict(parameters)))
            made[id(parameters)] = copied
    return copy.deepcopy(backends, made)
