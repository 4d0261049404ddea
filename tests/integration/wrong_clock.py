"""Programs whose wall clock is wrong, by faketime; the monotonic clock stays right."""
import glob
import os
import unittest


def variables(**faketime):
    """The environment of such a program: FAKETIME="+20m", or FAKETIME_TIMESTAMP_FILE=PATH of a file with such a text,
    which may change on the way."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        raise unittest.SkipTest("faketime is not installed; ./dev test installs it")
    if "TSAN_OPTIONS" in os.environ or "ASAN_OPTIONS" in os.environ:
        raise unittest.SkipTest("faketime and sanitizers replace the same functions")
    return {"LD_PRELOAD": libraries[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1"} | faketime
