"""`LambdaRuntime` on its own: workers, their lives, and their ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_cloud.aws.lambda_runtime import (
    FunctionSpec,
    InvalidPackageError,
    LambdaRuntime,
    RuntimeStoppedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.aws.lambda_runtime import InvocationResult

    from .conftest import Meeting

COUNTER = """
    import os
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        return {"calls": calls, "pid": os.getpid(), "root": os.environ["LAMBDA_TASK_ROOT"]}
"""

# connects, says so, and goes on when it is told to
MEETER = """
    import os, socket
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        with socket.create_connection(("127.0.0.1", event["port"])) as connection:
            connection.recv(1)
        return {"calls": calls, "pid": os.getpid()}
"""

# holds a connection as long as the process lives
HOLDER = """
    import os, socket
    held = socket.create_connection(("127.0.0.1", int(os.environ["PORT"])))

    def handler(event, context):
        return os.getpid()
"""


def logged_id(result: InvocationResult) -> str:
    """Return the request's id, as the end of the invocation's log has it."""
    found = re.search(rb"REPORT RequestId: (\S+)", result.log_tail)
    assert found
    return found[1].decode()


def value(runtime: LambdaRuntime, spec: FunctionSpec, event: Any = None) -> Any:
    result = runtime.invoke(spec, json.dumps(event).encode())
    assert result.function_error is None, result.payload
    return json.loads(result.payload)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def threads_of(function: str, kind: str = "lambda-") -> list[threading.Thread]:
    threads = threading.enumerate()
    return [t for t in threads if t.name.startswith(kind) and t.name.endswith(f"-{function}")]


def test_a_warm_worker_is_used_again(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec(COUNTER)
    first, second = value(runtime, spec), value(runtime, spec)
    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_an_equal_spec_made_anew_finds_the_warm_worker(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    value(runtime, make_spec(COUNTER))
    assert value(runtime, make_spec(COUNTER))["calls"] == 2


@pytest.mark.parametrize(
    "change", [{"environment": {"A": "b"}}, {"memory": 512}, {"timeout": 29.0}]
)
def test_a_changed_configuration_starts_a_fresh_worker_and_ends_the_old_one(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], change: dict[str, Any]
) -> None:
    spec = make_spec(COUNTER)
    old = value(runtime, spec)
    assert value(runtime, replace(spec, **change))["calls"] == 1
    assert is_gone(old["pid"])
    assert not Path(old["root"]).exists()


def test_changed_code_starts_a_fresh_worker(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    value(runtime, make_spec(COUNTER))
    assert value(runtime, make_spec("def handler(event, context): return 'new'")) == "new"


def test_changed_extra_environment_reaches_a_function_that_was_warm(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec("import os\ndef handler(event, context): return os.environ.get('EXTRA')")
    assert value(runtime, spec) is None
    runtime.set_extra_environment({"EXTRA": "seen"})
    assert value(runtime, spec) == "seen"


def test_the_functions_own_variable_wins_over_the_extra_environment(
    make_spec: Callable[..., FunctionSpec],
) -> None:
    source = "import os\ndef handler(event, context): return os.environ['AWS_ENDPOINT_URL']"
    spec = make_spec(source, environment={"AWS_ENDPOINT_URL": "http://own"})
    with LambdaRuntime(endpoint_url="http://default") as runtime:
        runtime.set_extra_environment({"AWS_ENDPOINT_URL": "http://extra"})
        assert value(runtime, spec) == "http://own"
        assert value(runtime, replace(spec, environment={})) == "http://extra"


def test_a_function_cant_set_what_lambda_reserves(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    source = "import os\ndef handler(event, context): return os.environ['AWS_REGION']"
    spec = make_spec(source, environment={"AWS_REGION": "mars-1"}, region="eu-west-3")
    assert value(runtime, spec) == "eu-west-3"


def test_two_invocations_that_need_each_other_run_at_once(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    spec = make_spec(MEETER)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(value, runtime, spec, {"port": meeting.port}) for _ in range(2)]
        with meeting.accept() as one, meeting.accept() as other:  # neither is told to go on yet
            one.send(b".")
            other.send(b".")
        assert len({call.result()["pid"] for call in calls}) == 2


def test_invocations_over_the_limit_wait_for_a_worker(
    runtime: LambdaRuntime,
    make_spec: Callable[..., FunctionSpec],
    meeting: Meeting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_cloud.aws.lambda_runtime.pool.MOST_WORKERS", 1)
    spec = make_spec(MEETER)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(value, runtime, spec, {"port": meeting.port}) for _ in range(3)]
        for _ in calls:
            with meeting.accept() as connection:
                connection.send(b".")
        answers = [call.result() for call in calls]
    assert sorted(answer["calls"] for answer in answers) == [1, 2, 3]
    assert len({answer["pid"] for answer in answers}) == 1


def test_the_task_root_is_first_on_the_import_path_and_boto3_is_the_runtimes(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec("""
        import sys, os, boto3

        def handler(event, context):
            return sys.path[0] == os.environ["LAMBDA_TASK_ROOT"] == os.getcwd()
    """)
    assert value(runtime, spec) is True


def test_the_deadline_is_within_the_timeout(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    source = "def handler(event, context): return context.get_remaining_time_in_millis()"
    assert 0 < value(runtime, make_spec(source, timeout=30.0)) <= 30_000


def test_the_context_names_function_version_memory_and_request(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec(
        """
        def handler(event, context):
            return [context.function_name, context.function_version, context.memory_limit_in_mb,
                    context.invoked_function_arn, context.aws_request_id, context.log_group_name]
        """,
        arn="arn:aws:lambda:eu-central-1:123456789012:function:probe:7",
        version="7",
        memory=512,
    )
    result = runtime.invoke(spec, b"{}")
    expected = ["probe", "7", "512", spec.arn, logged_id(result), "/aws/lambda/probe"]
    assert json.loads(result.payload) == expected


def test_a_timeout_kills_the_worker_and_the_next_invocation_starts_fresh(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    source = """
        import socket
        calls = 0

        def handler(event, context):
            global calls
            calls += 1
            if event:
                socket.create_connection(("127.0.0.1", event["port"])).recv(1)
            return calls
    """
    spec = make_spec(source, timeout=1.0)
    result = runtime.invoke(spec, json.dumps({"port": meeting.port}).encode())
    with meeting.accept() as connection:
        assert connection.recv(1) == b""  # the other end is closed: the process is dead
    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert value(runtime, spec) == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit('no')", "Runtime exited with error: exit status 1"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_worker_that_ends_is_an_exit_error(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], how: str, reason: str
) -> None:
    spec = make_spec(f"""
        import os, sys

        def handler(event, context):
            if event:
                {how}
            return "fresh"
    """)
    result = runtime.invoke(spec, b"1")
    error = json.loads(result.payload)
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"] == f"RequestId: {logged_id(result)} Error: {reason}"
    assert value(runtime, spec) == "fresh"


def test_a_worker_that_dies_between_invocations_costs_no_invocation(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec(COUNTER, name="killed")
    os.kill(value(runtime, spec)["pid"], signal.SIGKILL)
    (watcher,) = threads_of("killed", "lambda-watch")
    watcher.join()
    assert value(runtime, spec)["calls"] == 1


@pytest.mark.parametrize(
    ("source", "handler", "error_type"),
    [
        ("import not_there", "probe.handler", "Runtime.ImportModuleError"),
        ("handler = (", "probe.handler", "Runtime.UserCodeSyntaxError"),
        ("", "probe.handler", "Runtime.HandlerNotFound"),
        ("", "probe", "Runtime.MalformedHandlerName"),
        ("", "elsewhere.handler", "Runtime.ImportModuleError"),
        ("raise KeyError('SETTING')", "probe.handler", "KeyError"),
        ("import os; os._exit(2)", "probe.handler", "Runtime.ExitError"),
    ],
)
def test_a_failed_cold_start_is_the_answer(
    runtime: LambdaRuntime,
    make_spec: Callable[..., FunctionSpec],
    source: str,
    handler: str,
    error_type: str,
) -> None:
    result = runtime.invoke(make_spec(source, handler=handler), b"{}")
    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert error["errorType"] == error_type
    assert logged_id(result) in (error.get("requestId", ""), *error["errorMessage"].split())


def test_a_failed_cold_start_is_tried_again(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], tmp_path: Path
) -> None:
    marker = tmp_path / "there"
    spec = make_spec(f"""
        import pathlib
        pathlib.Path({str(marker)!r}).read_text()

        def handler(event, context):
            return "up"
    """)
    assert runtime.invoke(spec, b"{}").function_error == "Unhandled"
    marker.touch()
    assert value(runtime, spec) == "up"


def test_output_is_logged_before_the_answer_is_back(
    runtime: LambdaRuntime,
    make_spec: Callable[..., FunctionSpec],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lambda.probe")
    spec = make_spec("""
        import logging, os, sys

        def handler(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            logging.getLogger("any").warning("to the log")
            os.system("echo from a child")
    """)
    result = runtime.invoke(spec, b"{}")
    for line in ("to stdout", "to stderr", "to the log", "from a child"):
        assert line in result.log_tail.decode()
        assert line in caplog.text


def test_the_log_tail_is_of_this_invocation_and_at_most_4_kb(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec("def handler(event, context): print(event * 5000)")
    assert b"aaaa" in runtime.invoke(spec, b'"a"').log_tail
    second = runtime.invoke(spec, b'"b"').log_tail
    assert len(second) == 4096
    assert b"aaaa" not in second
    assert second.rstrip().splitlines()[-1].startswith(b"REPORT RequestId: ")


def test_stop_leaves_no_process_and_no_files(make_spec: Callable[..., FunctionSpec]) -> None:
    with LambdaRuntime() as runtime:
        idle = value(runtime, make_spec(COUNTER))
    assert is_gone(idle["pid"])
    assert not Path(idle["root"]).exists()


def test_stop_ends_a_busy_worker_and_answers_its_caller(
    make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    runtime = LambdaRuntime()
    with ThreadPoolExecutor() as pool:
        event = json.dumps({"port": meeting.port}).encode()
        call = pool.submit(runtime.invoke, make_spec(MEETER), event)
        with meeting.accept() as connection:
            runtime.stop()
            assert connection.recv(1) == b""
        assert json.loads(call.result().payload)["errorType"] == "Runtime.ExitError"


def test_stop_ends_a_busy_worker_of_code_that_was_replaced(
    make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    runtime = LambdaRuntime()
    with ThreadPoolExecutor() as pool:
        event = json.dumps({"port": meeting.port}).encode()
        call = pool.submit(runtime.invoke, make_spec(MEETER), event)
        with meeting.accept() as connection:
            value(runtime, make_spec(COUNTER))
            runtime.stop()
            assert connection.recv(1) == b""
        assert call.result().function_error == "Unhandled"


def test_an_invocation_under_way_ends_on_the_code_it_began_with(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    with ThreadPoolExecutor() as pool:
        call = pool.submit(value, runtime, make_spec(MEETER), {"port": meeting.port})
        with meeting.accept() as connection:
            assert value(runtime, make_spec(COUNTER))["calls"] == 1
            connection.send(b".")
        answer = call.result()
        assert answer["calls"] == 1
    assert is_gone(answer["pid"])


def test_what_a_function_started_ends_with_it(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    spec = make_spec("""
        import os, socket, subprocess, sys

        def handler(event, context):
            held = socket.create_connection(("127.0.0.1", event["port"]))
            command = [sys.executable, "-c", "import time; time.sleep(3600)"]
            subprocess.Popen(command, pass_fds=[held.fileno()])
            os._exit(1)
    """)
    runtime.invoke(spec, json.dumps({"port": meeting.port}).encode())
    with meeting.accept() as connection:
        assert connection.recv(1) == b""


def test_workers_end_by_themselves_when_their_parent_is_killed(
    make_spec: Callable[..., FunctionSpec], meeting: Meeting, tmp_path: Path
) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(make_spec(HOLDER).code)
    parent = textwrap.dedent(f"""
        import os, pathlib, signal
        from local_cloud.aws.lambda_runtime import FunctionSpec, LambdaRuntime

        code = pathlib.Path({str(package)!r}).read_bytes()
        spec = FunctionSpec(name="probe", handler="probe.handler", code=code, timeout=30,
                            environment={{"PORT": "{meeting.port}"}})
        assert LambdaRuntime().invoke(spec, b"0").function_error is None
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody is left to clean up
    done = subprocess.run([sys.executable, "-c", parent], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    with meeting.accept() as connection:
        assert connection.recv(1) == b""


def test_forgetting_a_function_ends_its_workers(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec(COUNTER)
    pid = value(runtime, spec)["pid"]
    runtime.forget("probe")
    assert is_gone(pid)
    assert value(runtime, spec)["calls"] == 1


def test_a_function_that_cooled_down_starts_again(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec]
) -> None:
    spec = make_spec(COUNTER)
    warm = value(runtime, spec)
    runtime.cool_down("probe")
    assert is_gone(warm["pid"])
    again = value(runtime, spec)
    assert (again["calls"], again["root"]) == (1, warm["root"])


def test_an_event_runs_without_anybody_waiting(
    runtime: LambdaRuntime, make_spec: Callable[..., FunctionSpec], meeting: Meeting
) -> None:
    runtime.invoke_event(make_spec(MEETER), json.dumps({"port": meeting.port}).encode())
    with meeting.accept() as connection:
        connection.send(b".")
        assert connection.recv(1) == b""


def test_no_threads_are_left_after_stop(make_spec: Callable[..., FunctionSpec]) -> None:
    spec = make_spec(COUNTER, name="threads")
    with LambdaRuntime() as runtime:
        value(runtime, spec)
        assert threads_of("threads")
    assert threads_of("threads") == []


def test_a_stopped_runtime_says_so(make_spec: Callable[..., FunctionSpec]) -> None:
    runtime = LambdaRuntime()
    runtime.stop()
    runtime.stop()
    with pytest.raises(RuntimeStoppedError, match="make a new one"):
        runtime.invoke(make_spec(COUNTER), b"{}")


def test_a_package_that_is_no_zip_is_refused(runtime: LambdaRuntime) -> None:
    spec = FunctionSpec(name="probe", handler="probe.handler", code=b"no zip")
    with pytest.raises(InvalidPackageError, match="deploy a zip file"):
        runtime.invoke(spec, b"{}")
