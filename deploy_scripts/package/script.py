"""The shell script that publishes a package: the one in functions/, with its variables filled in."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE: Final = re.compile(r'^([A-Z_]+)="\$\{\1:([-?])(.*)\}"$', re.MULTILINE)


def filled_in(script: str, values: Mapping[str, str]) -> str:
    """Return a script with values in place of what it takes from the environment, ready to be pasted.

    It takes each variable in a line of its own: `NAME="${NAME:-DEFAULT}"` or `NAME="${NAME:?HINT}"`.

    Parameters
    ----------
    script
        The script; its first line names the shell, and is left out.
    values
        Values by name. A variable that has neither a value nor a default is left empty: a person
        fills it in, and the script ends there if nobody does.
    """
    _, _, body = script.partition("\n")

    def assignment(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        if name in values:
            return f"{name}={shlex.quote(values[name])}"
        if kind == "-":
            return f'{name}="{word}"'
        return f'{name}=\n: "${{{name}:?{word}}}"'

    filled = _VARIABLE.sub(assignment, body)
    heading = "# Fill in what is empty.\n" if re.search("^[A-Z_]+=$", filled, re.MULTILINE) else ""
    return heading + filled
