"""Lambda functions that run: a pool of workers for each, looked after together."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Self

from local_cloud.aws.lambda_runtime.environment import base_environment
from local_cloud.aws.lambda_runtime.function import (
    InvalidPackageError,
    InvocationResult,
    RuntimeStoppedError,
)
from local_cloud.aws.lambda_runtime.invocation import Invocation
from local_cloud.aws.lambda_runtime.pool import Pool, PoolRetiredError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_cloud.aws.lambda_runtime.function import FunctionSpec

logger = logging.getLogger(__name__)


class LambdaRuntime:
    """Runs Lambda functions in worker processes and keeps the workers warm.

    One worker takes one invocation at a time. Invocations at the same time get workers of their
    own, up to `MOST_WORKERS` per function, and queue after that. Idle workers live until the
    function changes, is forgotten, or the runtime stops. Should this process be killed, its
    workers end as soon as they next speak to the Runtime API.

    Parameters
    ----------
    endpoint_url
        Value of ``AWS_ENDPOINT_URL`` in the functions; None leaves it unset.
    """

    def __init__(self, *, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._base = base_environment(endpoint_url, {})
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._leaving: list[Pool] = []  # replaced, with invocations that still run
        self._events: set[threading.Thread] = set()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def invoke(
        self, spec: FunctionSpec, payload: bytes, *, client_context: str | None = None
    ) -> InvocationResult:
        """Run a function and wait for its answer.

        A failure of the function is a result, as on Lambda, and not an exception.

        Parameters
        ----------
        spec
            The function.
        payload
            The event as JSON.
        client_context
            JSON for ``context.client_context``.

        Raises
        ------
        InvalidPackageError
            If the function's code isn't a zip file.
        RuntimeStoppedError
            If the runtime was stopped.
        """
        invocation = Invocation(payload, client_context)
        while True:
            try:
                answer, tail = self._pool(spec).run(invocation)
            except PoolRetiredError:
                continue
            return InvocationResult(
                payload=answer.payload,
                function_error="Unhandled" if answer.failed else None,
                log_tail=tail,
                version=spec.version,
            )

    def invoke_event(
        self, spec: FunctionSpec, payload: bytes, *, client_context: str | None = None
    ) -> None:
        """Run a function and don't wait (Lambda's invocation type ``Event``).

        Lambda tries a failing event twice more, a minute and two minutes later; here a failure is
        logged and final.
        """

        def run() -> None:
            try:
                result = self.invoke(spec, payload, client_context=client_context)
                if result.function_error:
                    logger.warning("the event for %s failed: %r", spec.name, result.payload)
            except (RuntimeStoppedError, InvalidPackageError) as error:
                logger.warning("the event for %s was dropped: %s", spec.name, error)
            finally:
                with self._lock:
                    self._events.discard(thread)

        thread = threading.Thread(target=run, name=f"lambda-event-{spec.name}", daemon=True)
        with self._lock:
            self._raise_if_stopped()
            self._events.add(thread)
            thread.start()

    def set_extra_environment(self, extra_environment: Mapping[str, str]) -> None:
        """Replace the variables that all functions get; workers start fresh to see them.

        A function's own variables win.
        """
        with self._lock:
            self._base = base_environment(self._endpoint_url, extra_environment)

    def cool_down(self, name: str) -> None:
        """End a function's idle workers, as time does: its next invocation is a cold start."""
        with self._lock:
            pools = [pool for pool in self._pools.values() if pool.spec.name == name]
        for pool in pools:
            pool.end_idle()

    def forget(self, name: str) -> None:
        """End a function's workers, all versions, as deleting the function does."""
        self._drop(lambda pool: pool.spec.name == name, kill=False)

    def stop(self) -> None:
        """End all workers, busy ones too; can be called twice. No process is left after it."""
        with self._lock:
            self._stopped = True
            events = list(self._events)
        self._drop(lambda _: True, kill=True)
        for thread in events:
            thread.join()

    def _drop(self, condition: Callable[[Pool], bool], *, kill: bool) -> None:
        with self._lock:
            dropped = [key for key, pool in self._pools.items() if condition(pool)]
            self._leaving += [self._pools.pop(key) for key in dropped]
        self._end_leaving(kill=kill)

    def _end_leaving(self, *, kill: bool) -> None:
        with self._lock:
            leaving = list(self._leaving)
        for pool in leaving:
            pool.retire(kill=kill)
        with self._lock:
            self._leaving = [pool for pool in self._leaving if not pool.empty]

    def _pool(self, spec: FunctionSpec) -> Pool:
        key = f"{spec.arn or spec.name} {spec.version}"
        with self._lock:
            self._raise_if_stopped()
            old = self._pools.get(key)
            if old is not None and old.spec == spec and old.base is self._base:
                return old
            pool = self._pools[key] = Pool(spec, self._base)
            if old is not None:
                self._leaving.append(old)
        self._end_leaving(kill=False)
        return pool

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            message = "This LambdaRuntime was stopped: make a new one to invoke functions."
            raise RuntimeStoppedError(message)
