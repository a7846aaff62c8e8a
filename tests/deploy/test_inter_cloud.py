"""The inter-cloud connections' file: what is understood, kept, refused, and never lost or shown."""

from __future__ import annotations

import copy
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from deploy_scripts import PROJECT
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.inter_cloud import (
    Connection,
    InterCloudConnections,
    connection_id,
    old_connection_id,
)

LAYOUT = ProviderLayout("azure", "aws")
NEW_ID = "azure_l3_to_aws_l4_hot_reader"
NEW_LAST_ENTRY_ID = "azure_l3_to_aws_l4_hot_reader_last_entry"
OLD_ID = "aws_l4_to_azure_l3hot_read"
URL = "https://readers.example.com/hot-reader"
TOKEN = "a-secret-token-of-the-tests"
CROSSING = [
    ProviderLayout(l3, l4)
    for l3 in ("aws", "azure", "gcp")
    for l4 in ("aws", "azure", "gcp")
    if l3 != l4
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config_inter_cloud.json"


@pytest.fixture
def connections(path: Path) -> InterCloudConnections:
    return InterCloudConnections(path)


def write(path: Path, content: Any, mode: int = 0o600) -> None:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)


def saved(**by_id: Any) -> dict[str, Any]:
    return {"connections": by_id}


def entry(url: str = URL, token: str = TOKEN) -> dict[str, str]:
    return {"url": url, "token": token}


def put(connections: InterCloudConnections, url: str = URL, token: str = TOKEN) -> None:
    connections.put(LAYOUT, HISTORY, url=url, token=token)


# --- ids ---


def test_an_id_names_both_layers_and_the_read():
    assert connection_id(LAYOUT, HISTORY) == NEW_ID
    assert connection_id(LAYOUT, LAST_ENTRY) == NEW_LAST_ENTRY_ID
    assert old_connection_id(LAYOUT) == OLD_ID


def test_every_layout_and_read_has_an_id_of_its_own():
    ids = {connection_id(layout, read) for layout in CROSSING for read in READS}
    assert len(ids) == 12


# --- get ---


@pytest.mark.parametrize("read", READS)
def test_without_a_file_there_is_no_connection(connections, read):
    assert connections.get(LAYOUT, read) is None
    assert connections.load() == {}


@pytest.mark.parametrize("document", [{}, {"connections": {}}, {"other": 1}])
def test_without_an_entry_there_is_no_connection(connections, path, document):
    write(path, document)
    assert connections.get(LAYOUT, HISTORY) is None


@pytest.mark.parametrize(("read", "url"), [(HISTORY, URL), (LAST_ENTRY, URL + "-last-entry")])
def test_the_new_ids_are_read(connections, path, read, url):
    write(path, saved(**{NEW_ID: entry(), NEW_LAST_ENTRY_ID: entry(URL + "-last-entry")}))
    found = connections.get(LAYOUT, read)
    assert (found.url, found.token) == (url, TOKEN)


def test_the_old_id_serves_the_history(connections, path):
    write(path, saved(**{OLD_ID: entry("https://api.example.com/anything?code=1")}))
    found = connections.get(LAYOUT, HISTORY)
    assert found == Connection(OLD_ID, "https://api.example.com/anything?code=1", TOKEN)


@pytest.mark.parametrize(
    ("url", "last_entry_url"),
    [
        (URL, URL + "-last-entry"),
        ("https://e.com/api/hot-reader/", "https://e.com/api/hot-reader-last-entry"),
        ("https://e.com/hot-reader?code=k", "https://e.com/hot-reader-last-entry?code=k"),
    ],
)
def test_the_old_id_serves_the_last_entry_if_its_url_tells_where(
    connections, path, url, last_entry_url
):
    write(path, saved(**{OLD_ID: entry(url)}))
    assert connections.get(LAYOUT, LAST_ENTRY) == Connection(OLD_ID, last_entry_url, TOKEN)


@pytest.mark.parametrize(
    "url",
    [
        "https://abc.lambda-url.eu-central-1.on.aws/",
        "https://e.com/my-hot-reader",
        "https://e.com/read?path=/hot-reader",
        "https://hot-reader",
        "https://[broken/hot-reader",
    ],
)
def test_the_old_id_says_nothing_of_the_last_entry_with_any_other_url(connections, path, url):
    write(path, saved(**{OLD_ID: entry(url)}))
    assert connections.get(LAYOUT, LAST_ENTRY) is None


@pytest.mark.parametrize("read", READS)
def test_the_new_id_wins_over_the_old_one(connections, path, read):
    new = entry("https://new.example.com/x")
    write(path, saved(**{OLD_ID: entry(), NEW_ID: new, NEW_LAST_ENTRY_ID: new}))
    assert connections.get(LAYOUT, read).url == "https://new.example.com/x"


def test_the_new_history_says_nothing_of_the_last_entry(connections, path):
    write(path, saved(**{NEW_ID: entry()}))
    assert connections.get(LAYOUT, LAST_ENTRY) is None


def test_other_directions_are_other_connections(connections, path):
    write(path, saved(**{NEW_ID: entry()}))
    assert connections.get(ProviderLayout("aws", "azure"), HISTORY) is None


def test_all_connections_are_loaded_other_layers_too(connections, path):
    write(path, saved(aws_l2_to_azure_l3=entry("http://writer", "short")))
    assert connections.load() == {
        "aws_l2_to_azure_l3": Connection("aws_l2_to_azure_l3", "http://writer", "short")
    }


UNUSABLE_URLS = [
    "",
    "readers.example.com/hot-reader",
    "ftp://readers.example.com/hot-reader",
    "http://readers.example.com/hot-reader",
    "https://user:word@readers.example.com/hot-reader",
    "https://readers.example.com/hot reader",
    "https://readers.example.com:port/hot-reader",
]
UNUSABLE_TOKENS = ["", "short", "with blanks in the middle", "a" * 16 + "\r\nX: y", "ssm:"]


@pytest.mark.parametrize("url", UNUSABLE_URLS)
def test_a_url_that_a_token_must_not_be_sent_to_is_refused(connections, path, url):
    with pytest.raises(VerbError, match=NEW_ID):
        put(connections, url=url)
    assert not path.exists()
    write(path, saved(**{NEW_ID: entry(url=url)}))
    with pytest.raises(VerbError, match=NEW_ID):
        connections.get(LAYOUT, HISTORY)


@pytest.mark.parametrize("token", UNUSABLE_TOKENS)
def test_a_token_that_no_endpoint_takes_is_refused(connections, path, token):
    with pytest.raises(VerbError, match=f"The token of {NEW_ID}|{NEW_ID}"):
        put(connections, token=token)
    write(path, saved(**{NEW_ID: entry(token=token)}))
    with pytest.raises(VerbError, match=NEW_ID):
        connections.get(LAYOUT, HISTORY)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/hot-reader", "http://localhost/hot-reader"])
def test_plain_http_is_for_this_machine(connections, url):
    put(connections, url=url)
    assert connections.get(LAYOUT, HISTORY).url == url


@pytest.mark.parametrize("token", ["ssm:/twin/token", TOKEN + "," + TOKEN[::-1]])
def test_a_token_may_be_all_that_the_setting_may_be(connections, token):
    put(connections, token=token)
    assert connections.get(LAYOUT, HISTORY).token == token


# --- put and remove ---


def test_what_was_put_is_found_under_the_new_id(connections, path):
    put(connections, url=f" {URL} ", token=f"{TOKEN}\n")
    assert json.loads(path.read_text()) == saved(**{NEW_ID: entry()})


def test_putting_again_changes_it(connections):
    put(connections)
    put(connections, token="another-token-of-the-tests")
    assert connections.get(LAYOUT, HISTORY).token == "another-token-of-the-tests"


def test_putting_keeps_what_else_an_entry_has(connections, path):
    write(path, saved(**{NEW_ID: {**entry("https://old", "x"), "created": "2025"}}))
    put(connections)
    assert json.loads(path.read_text()) == saved(**{NEW_ID: {**entry(), "created": "2025"}})


def test_removing_undoes_putting(connections, path):
    write(path, before := saved(**{OLD_ID: entry(), "aws_l2_to_gcp_l3": entry()}))
    put(connections)
    assert connections.remove(LAYOUT, HISTORY) is True
    assert json.loads(path.read_text()) == before


@pytest.mark.parametrize("document", [None, {}, saved(**{OLD_ID: entry()})])
def test_removing_what_is_gone_changes_nothing(connections, path, document):
    if document is not None:
        write(path, document)
    assert connections.remove(LAYOUT, HISTORY) is False
    assert path.exists() is (document is not None)
    assert document is None or json.loads(path.read_text()) == document


def test_removing_where_there_is_no_directory_is_no_error(tmp_path):
    connections = InterCloudConnections(tmp_path / "none" / "config_inter_cloud.json")
    assert connections.remove(LAYOUT, HISTORY) is False


def test_putting_where_there_is_no_directory_says_so(tmp_path):
    with pytest.raises(VerbError, match="No such file or directory"):
        put(InterCloudConnections(tmp_path / "none" / "config_inter_cloud.json"))


TEXT = st.text(max_size=8) | st.sampled_from(["\ud800", "\u2028", "\x00", "é"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
IDS = TEXT | st.sampled_from([OLD_ID, "aws_l2_to_azure_l3"])
ENTRIES = st.builds(
    lambda more, url, token: {**more, "url": url, "token": token},
    st.dictionaries(TEXT, VALUES, max_size=2),
    TEXT,
    TEXT,
)
DOCUMENTS = st.builds(
    lambda more, connections: {**more, "connections": connections},
    st.dictionaries(TEXT, VALUES, max_size=3),
    st.dictionaries(IDS, ENTRIES, max_size=3),
)
TOKENS = st.from_regex(r"\A[A-Za-z0-9._~+=-]{16,64}\Z")
PATHS = st.from_regex(r"\A[a-z0-9/_.-]{0,20}\Z")


@settings(max_examples=50)
@given(
    document=DOCUMENTS,
    layout=st.sampled_from(CROSSING),
    read=st.sampled_from(READS),
    token=TOKENS,
    part=PATHS,
)
def test_a_connection_comes_back_and_all_else_stays(
    tmp_path_factory, document, layout, read, token, part
):
    path = tmp_path_factory.mktemp("round") / "config_inter_cloud.json"
    write(path, document)
    connections = InterCloudConnections(path)
    url = f"https://readers.example.com/{part}"

    connections.put(layout, read, url=url, token=token)

    found = connections.get(layout, read)
    assert found == Connection(connection_id(layout, read), url, token)
    expected = copy.deepcopy(document)
    expected["connections"][found.id] = {"url": url, "token": token}
    assert json.loads(path.read_text()) == expected
    assert connections.remove(layout, read)
    assert json.loads(path.read_text()) == document


# --- damaged files ---


@pytest.mark.parametrize("call", ["load", "put", "remove"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "isn't plain JSON: a mistake at line 1, column 1: Expecting value"),
        (f'{{"connections":\n {{"{NEW_ID}": {{"token": "{TOKEN}"', "line 2"),
        ("[]", "an object"),
        ('{"connections": []}', "'connections'"),
        ('{"connections": {"a": "https://e.com"}}', "'a'"),
        ('{"connections": {"a": {"url": "https://e.com"}}}', "'token'"),
        ('{"connections": {"a": {"url": 1, "token": "x"}}}', "'url'"),
        ('{"connections": {}, "connections": {}}', "more than once"),
        ('{"x": NaN}', "NaN"),
        ("[" * 100_000, "nested too deep"),
        ("\udcff{}", "UTF-8"),
    ],
    ids=["empty", "cut off", "list", "connections", "text", "no token", "number", "twice", "NaN", "deep", "bytes"],
)  # fmt: skip
def test_a_damaged_file_is_refused_and_left_alone(connections, path, content, says, call):
    data = content.encode(errors="surrogateescape")
    path.write_bytes(data)
    path.chmod(0o600)
    calls = {
        "load": connections.load,
        "put": lambda: put(connections),
        "remove": lambda: connections.remove(LAYOUT, HISTORY),
    }
    with pytest.raises(VerbError, match="left as it is") as caught:
        calls[call]()
    assert says in str(caught.value)
    assert path.read_bytes() == data


def test_a_number_that_would_change_is_refused(connections, path):
    write(path, '{"x": 1e999}')
    with pytest.raises(VerbError, match="number"):
        put(connections)
    assert path.read_text() == '{"x": 1e999}'


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_refused(connections, path, tmp_path, exists):
    target = tmp_path / "elsewhere.json"
    if exists:
        write(target, {})
    path.symlink_to(target)
    for call in (connections.load, lambda: put(connections)):
        with pytest.raises(VerbError, match="symbolic link"):
            call()
    assert path.is_symlink()
    assert target.exists() is exists


def test_a_symbolic_link_in_the_lock_files_place_is_refused(connections, path, tmp_path):
    path.with_name(f".{path.name}.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(VerbError, match=r"\.lock"):
        put(connections)
    assert not (tmp_path / "victim").exists()


def test_a_directory_in_its_place_is_refused(connections, path):
    path.mkdir()
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for call in (connections.load, lambda: put(connections)):
        with pytest.raises(VerbError, match="isn't a file"):
            call()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_what_is_no_file_is_refused_without_waiting_for_it(connections, path):
    os.mkfifo(path, 0o600)
    with pytest.raises(VerbError, match="isn't a file"):
        connections.load()


# --- secrecy ---


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_private_from_their_creation_on(connections, path, umask):
    modes = []
    real = os.replace

    def look_first(source, target):
        modes.append(mode_of(Path(source)))
        real(source, target)

    before = os.umask(umask)
    try:
        with mock.patch("os.replace", look_first):
            put(connections)
    finally:
        os.umask(before)
    files = sorted(path.parent.iterdir())
    assert [each.name for each in files] == [f".{path.name}.lock", path.name]
    assert [*modes, *map(mode_of, files)] == [0o600] * 3


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_file_open_to_others_is_read_with_a_warning_and_closed_by_a_write(
    connections, path, caplog, mode
):
    write(path, saved(**{OLD_ID: entry()}), mode)
    assert connections.get(LAYOUT, HISTORY) is not None
    assert "chmod 600" in caplog.text
    assert f"{mode:04o}" in caplog.text
    assert mode_of(path) == mode
    put(connections)
    assert mode_of(path) == 0o600


def test_the_warning_comes_once(connections, path, caplog):
    write(path, {}, 0o644)
    for _ in range(3):
        connections.load()
    assert len(caplog.records) == 1


def test_a_private_file_gives_no_warning(connections, path, caplog):
    write(path, {})
    connections.load()
    assert not caplog.records


def test_a_connection_doesnt_show_its_token(connections):
    put(connections, url="https://e.com/hot-reader?code=function-key")
    found = connections.get(LAYOUT, HISTORY)
    for shown in (repr(found), str(found), repr(connections), found.public_url):
        assert TOKEN not in shown
        assert "function-key" not in shown
    assert found.public_url == "https://e.com/hot-reader"


@pytest.mark.parametrize(
    "content",
    [
        f'{{"connections": {{"{NEW_ID}": {{"url": "{URL}", "token": "{TOKEN}"',
        f'{{"connections": {{"{NEW_ID}": {{"url": 1, "token": "{TOKEN}"}}}}}}',
        f'{{"connections": {{"{NEW_ID}": {{"url": "http://e.com", "token": "{TOKEN}"}}}}}}',
        f'{{"connections": {{"{NEW_ID}": {{"url": "{URL}", "token": "{TOKEN} {TOKEN}"}}}}}}',
        f'{{"token": "{TOKEN}\udcff"}}',
        f'{{"a": "{TOKEN}", "a": "{TOKEN}"}}',
    ],
    ids=["cut off", "shape", "URL", "token", "not UTF-8", "twice"],
)
def test_no_error_holds_a_token_nor_does_its_cause(connections, path, caplog, content):
    caplog.set_level(logging.DEBUG)
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(0o644)
    with pytest.raises(VerbError) as caught:
        connections.get(LAYOUT, HISTORY)
    error: BaseException | None = caught.value
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text
    while error is not None:
        assert TOKEN not in repr(vars(error)) + repr(error.args)
        assert not hasattr(error, "doc")
        error = error.__cause__ or error.__context__


# --- crashes ---


def test_a_writer_that_fails_before_the_rename_leaves_the_old_content(connections, path):
    put(connections)
    before = path.read_bytes()
    with (
        mock.patch("os.replace", side_effect=OSError(28, "No space left on device")),
        pytest.raises(VerbError, match="No space left"),
    ):
        put(connections, token="another-token-of-the-tests")
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == [f".{path.name}.lock", path.name]


def test_an_interrupted_writer_leaves_the_old_content_and_no_rest(connections, path):
    put(connections)
    before = path.read_bytes()
    with mock.patch("os.replace", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        put(connections, token="another-token-of-the-tests")
    assert path.read_bytes() == before
    assert not path.with_name(f".{path.name}.unfinished").exists()


PUT = """
import os, signal, sys
from pathlib import Path
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.project_files.inter_cloud import InterCloudConnections
connections = InterCloudConnections(Path(sys.argv[1]))
def put(l3, l4, token, read=HISTORY):
    url = f"https://{l3}.example.com/hot-reader"
    connections.put(ProviderLayout(l3, l4), read, url=url, token=token)
"""


def start(path: Path, script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PUT + script, str(path), *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_writer_killed_before_the_rename_leaves_the_old_content(connections, path):
    put(connections)
    before = path.read_bytes()
    script = """
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
put("azure", "aws", "another-token-of-the-tests")
"""
    with start(path, script) as process:
        assert process.wait() == -signal.SIGKILL
    assert path.read_bytes() == before
    unfinished = path.with_name(f".{path.name}.unfinished")
    assert mode_of(unfinished) == 0o600

    put(connections, token="a-third-token-of-the-tests")
    assert not unfinished.exists()
    assert connections.get(LAYOUT, HISTORY).token == "a-third-token-of-the-tests"


# --- writers at the same time ---


def test_two_processes_that_write_at_once_lose_nothing(connections, path):
    script = """
sys.stdin.read(1)
for round in range(40):
    for l3, l4 in (("azure", "aws"), ("aws", "azure"), ("gcp", "aws")):
        put(l3, l4, f"token-of-round-{round:03}", read={"last": LAST_ENTRY}.get(sys.argv[2], HISTORY))
"""
    write(path, {"kept": True})
    with start(path, script, "first") as one, start(path, script, "last") as other:
        for process in (one, other):
            assert process.stdin
            process.stdin.write(b"g")
            process.stdin.flush()
        assert (one.wait(), other.wait()) == (0, 0)
    found = connections.load()
    assert len(found) == 6
    assert {each.token for each in found.values()} == {"token-of-round-039"}
    assert json.loads(path.read_text())["kept"] is True


def test_a_writer_gives_up_when_another_one_doesnt_end(path, monkeypatch):
    monkeypatch.setattr("deploy_scripts.project_files.inter_cloud._PATIENCE_SECONDS", 0.1)
    script = """
with connections._locked():
    print("locked", flush=True)
    sys.stdin.read(1)
"""
    with start(path, script) as process:
        assert process.stdout
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(VerbError, match="Another process"):
            put(InterCloudConnections(path))
        process.communicate(b"g")
    put(InterCloudConnections(path))


def test_a_killed_writer_leaves_no_lock(path):
    script = "\nwith connections._locked():\n os.kill(os.getpid(), signal.SIGKILL)\n"
    with start(path, script) as process:
        process.wait()
    put(InterCloudConnections(path))
