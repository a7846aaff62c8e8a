"""Projections of DynamoDB in moto: a path that leads into something that is no map ends there.

Moto looks for the next name within a null, a number or a string, and fails or finds it there. DynamoDB
leaves the path out of the answer (developer guide, 'Using projection expressions in DynamoDB').
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.dynamodb.models.dynamo_type import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local_cloud.aws.moto_repairs import Method, Repair


def _wrap_project(original: Method) -> Method:
    def project(item: Item, paths: Iterable[Sequence[str]]) -> Item:
        stored = item.to_regular_json()
        projected: Item = original(item, [each for each in paths if _is_there(each, stored)])
        return projected

    return project


def _is_there(path: Sequence[str], stored: Any) -> bool:
    for name in path:
        if "[" in name:  # an element of a list, which moto finds or doesn't
            return True
        if not isinstance(stored, dict) or name not in stored:
            return False
        stored = stored[name]
    return True


REPAIRS: Final[tuple[Repair, ...]] = ((Item, "project", _wrap_project),)
