"""The memory of pages that were read ahead, as the operating system counts a process's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_scripts import PROJECT

MOST = int(os.environ.get("READ_AHEAD_BYTES", "8000000"))
PROGRAM = f"""
import os
from chalicelib.data_connector.read_ahead import ReadAhead
from chalicelib.model.query import HistoryQuery
from chalicelib.settings.data_connector import ReadAheadSettings

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def page(number):
    value = {{"time": "1970-01-01T00:00:00Z", "value": {{"doubleValue": 4.25}}}}
    reference = {{"propertyName": "pressure", "externalIdProperty": {{"iotDeviceId": "pump-1"}}}}
    properties = [{{"entityPropertyReference": reference, "values": [value] * VALUES}}]
    return {{"propertyValues": properties, "nextToken": f"{{number:0100}}" + WIDE}}

VALUES = VALUES_HERE
WIDE = WIDE_HERE * chr(0x1F600)  # Python keeps four bytes for each
memory = ReadAhead(ReadAheadSettings(pages=24, grace=60, most_bytes={MOST}))
query = HistoryQuery(device_id="pump-1", selected_properties=("pressure",), start=0, end=9)
memory.keep(query, page(0), [page(1)], memory.now())
before = resident()
for number in range(2, 2 + 3 * {MOST} // (200 + 60 * VALUES + 8 * len(WIDE))):
    memory.keep(query, page(number), [page(number + 1)], memory.now())
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says it there")
@pytest.mark.parametrize(
    ("values", "wide"), [(1, 0), (200, 0), (1, 1_000)], ids=["1", "200", "wide tokens"]
)
def test_they_take_no_more_than_they_may(values, wide):
    program = PROGRAM.replace("VALUES_HERE", str(values)).replace("WIDE_HERE", str(wide))
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert int(ended.stdout) <= MOST
