"""Shared by benchmarks of the proxy: its process, the load generator, and what both say."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.request

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build/release"


@contextlib.contextmanager
def running(command, port_of, **options):
    """Runs a server that prints where it listens; yields the port, its process and what it printed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    try:
        line = process.stdout.readline()
        yield port_of(line), process, line
    finally:
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def port_in(line):
    """Of what a server of Millrace prints with --json."""
    return int(json.loads(line)["url"].rsplit(":", 1)[1])


def proxy(folder, arguments, **environment):
    """A proxy with a new spool in `folder`."""
    spool = f"{folder}/spool"
    shutil.rmtree(spool, ignore_errors=True)
    command = [BUILD / "millrace", "proxy", "--listen", "127.0.0.1:0", "--upstream", "none", "--library-url", "none",
               "--spool", spool, "--state", f"{folder}/state", "--json", *arguments]
    return running(command, port_in, cwd=folder, stderr=subprocess.DEVNULL, env={**os.environ, **environment})


def load_command(port, process, *arguments):
    return [BUILD / "bench/proxy_load", "--port", str(port), "--pid", str(process.pid), *map(str, arguments)]


def destinations(line):
    """What /status of the proxy that printed `line` says of each destination."""
    with urllib.request.urlopen(json.loads(line)["admin_url"] + "/status") as response:
        return {one["name"]: one for one in json.load(response)["destinations"]}


def memory_megabytes(process, name="VmRSS"):
    """The resident memory of a process now, or with VmHWM its peak."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(name + r":\s+(\d+)", status)[1]) / 1024


def machine(folder):
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    disk = subprocess.run(["df", "--output=source,fstype", folder], capture_output=True, text=True, check=True)
    return (f"{os.cpu_count()} x {model[1] if model else '?'}, {' '.join(disk.stdout.split()[-2:])}; "
            f"load at the start: {os.getloadavg()[0]:.1f}")
