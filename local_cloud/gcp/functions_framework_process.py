"""The `functions-framework` command, in a process that ends when the one that started it is gone.

gunicorn's worker ends with its arbiter.
"""

from __future__ import annotations

import runpy

from local_cloud.child_process import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
