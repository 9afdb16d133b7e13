import json
import os

import msgspec
import pytest

from nas.device.facts import Facts, describe, facts, parse_cpuinfo, parse_pressure, parse_quota

XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R)  Platinum 8481C
flags\t\t: fpu sse2 avx512f hypervisor

processor\t: 1
model name\t: another
"""
PI = """\
processor\t: 0
BogoMIPS\t: 108.00
CPU implementer\t: 0x41
CPU part\t: 0xd0b
"""


def test_a_server_is_described_by_its_first_processor() -> None:
    text = describe(parse_cpuinfo(XEON), 8, "L1 48K L2 2048K")
    assert text == "Intel(R) Xeon(R) Platinum 8481C, family 6 model 143, 8 cores, L1 48K L2 2048K, virtualised"


def test_a_board_is_described_by_its_firmware() -> None:
    text = describe(parse_cpuinfo(PI), 4, "", "Raspberry Pi 5 Model B Rev 1.0")
    assert text == "Raspberry Pi 5 Model B Rev 1.0, implementer 0x41 part 0xd0b, 4 cores"


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000", 1.5), ("max 100000", None), ("", None), ("1", None), ("1 0", None)]
)
def test_a_quota_is_a_number_of_cores(text: str, cores: float | None) -> None:
    assert parse_quota(text) == cores


def test_pressure_is_the_share_of_waiting_tasks() -> None:
    assert parse_pressure("some avg10=3.25 avg60=1.00 avg300=0.00 total=1\nfull avg10=9.00") == 3.25
    assert parse_pressure("") is None
    assert parse_pressure("some avg10=x avg60=1") is None


def test_facts_of_this_machine_travel_as_json() -> None:
    found = facts()
    assert found.cores == os.cpu_count()
    assert found.device.count(f"{found.cores} cores") == 1
    assert msgspec.json.decode(json.dumps(found), type=Facts) == found
