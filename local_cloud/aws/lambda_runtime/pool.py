"""The warm workers of one version of a function."""

from __future__ import annotations

import io
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local_cloud.aws.lambda_runtime.environment import function_environment
from local_cloud.aws.lambda_runtime.function import InvalidPackageError
from local_cloud.aws.lambda_runtime.worker import Worker, WorkerGoneError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.aws.lambda_runtime.function import FunctionSpec
    from local_cloud.aws.lambda_runtime.invocation import Answer, Invocation

MOST_WORKERS: Final = 4
"""Workers of one version of one function at a time."""


class PoolRetiredError(Exception):
    """The pool's version of the function was replaced: the newer pool takes the invocation."""


class Pool:
    """The workers of one version of one function."""

    def __init__(self, spec: FunctionSpec, base: Mapping[str, str]) -> None:
        self.spec = spec
        self.base = base
        self._changed = threading.Condition()
        self._workers: set[Worker] = set()
        self._starting = 0
        self._idle: list[Worker] = []
        self._retired = False
        self._directory = tempfile.TemporaryDirectory(prefix="lambda-")
        # resolved, so that it is spelled the same in LAMBDA_TASK_ROOT and in stack traces
        self._task_root = Path(self._directory.name).resolve()
        try:
            _unpack(spec.code, self._task_root)
        except (zipfile.BadZipFile, OSError) as error:
            self._directory.cleanup()
            message = f"The package of {spec.name} can't be unpacked ({error}): deploy a zip file."
            raise InvalidPackageError(message) from error
        self._environment = function_environment(spec, base, self._task_root)

    def run(self, invocation: Invocation) -> tuple[Answer, bytes]:
        """Run an invocation on a free worker, a new one, or the next that gets free.

        Raises
        ------
        PoolRetiredError
            If the pool was retired before the invocation found a worker.
        """
        while True:
            worker = self._take()
            reusable = False
            try:
                answer = worker.invoke(invocation)
                tail = worker.take_log_tail()
                reusable = answer.worker_usable
            except WorkerGoneError:
                continue
            finally:
                self._give_back(worker, reusable=reusable)
            return answer, tail

    def retire(self, *, kill: bool) -> None:
        """Stop the idle workers now; the busy ones now (`kill`) or after their invocation."""
        with self._changed:
            self._retired = True
            self._changed.notify_all()
            if kill:
                self._changed.wait_for(lambda: not self._starting)
            ending = set(self._workers) if kill else set(self._idle)
            self._idle.clear()
        for worker in ending:
            worker.close()
        with self._changed:
            self._workers -= ending
        self._clean_up()

    def end_idle(self) -> None:
        """Stop the idle workers; the next invocation starts one."""
        with self._changed:
            ending = set(self._idle)
            self._idle.clear()
        for worker in ending:
            worker.close()
        with self._changed:
            self._workers -= ending
            self._changed.notify_all()

    @property
    def empty(self) -> bool:
        """True if no worker runs and none is being started."""
        with self._changed:
            return not self._workers and not self._starting

    def _take(self) -> Worker:
        with self._changed:
            while True:
                if self._retired:
                    raise PoolRetiredError
                while self._idle:
                    worker = self._idle.pop()
                    if worker.alive:
                        return worker
                    self._workers.discard(worker)
                    worker.close()
                if len(self._workers) + self._starting < MOST_WORKERS:
                    break
                self._changed.wait()
            self._starting += 1
        return self._start()

    def _start(self) -> Worker:
        worker = None
        try:
            worker = Worker(self.spec, self._task_root, self._environment)
        finally:
            with self._changed:
                self._starting -= 1
                if worker is not None:
                    self._workers.add(worker)
                self._changed.notify_all()
                retired = self._retired
        if retired:
            self._give_back(worker, reusable=False)
            raise PoolRetiredError
        return worker

    def _give_back(self, worker: Worker, *, reusable: bool) -> None:
        with self._changed:
            if reusable and not self._retired:
                self._idle.append(worker)
                self._changed.notify()
                return
        worker.close()
        with self._changed:
            self._workers.discard(worker)
            self._changed.notify()
        self._clean_up()

    def _clean_up(self) -> None:
        with self._changed:
            if self._retired and self.empty:
                self._directory.cleanup()


def _unpack(code: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(code)) as package:
        for entry in package.infolist():
            path = Path(package.extract(entry, target))
            mode = entry.external_attr >> 16 & 0o777
            if mode and not entry.is_dir():
                path.chmod(mode | 0o400)
