"""What becomes of freed memory: kept within a task, given back after it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from pipeline.memory import give_back, keep_freed

ASKS_AGAIN_AND_AGAIN = """
import resource, sys
from pipeline.memory import give_back, keep_freed
if sys.argv[1] == "keep":
    keep_freed()
def work():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        pieces = [bytearray(1 << 20) for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
work()
faults, full = work(), resident()
give_back()
print(faults, full - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told what to do")
def test_what_was_freed_is_there_for_the_next_request_and_goes_back_when_told() -> None:
    def measured(how: str) -> tuple[int, int]:
        command = [sys.executable, "-c", ASKS_AGAIN_AND_AGAIN, how]
        faults, given = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return int(faults), int(given)

    faults, given = measured("keep")
    usual_faults, _ = measured("leave")
    assert faults < 0.1 * usual_faults
    assert given > 15 << 20


def test_a_system_without_glibc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    keep_freed()
    give_back()
