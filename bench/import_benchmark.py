#!/usr/bin/env python3
"""1,000,000 events into `sandbox --discard` over loopback: events/s, CPU and memory, from each format.

Compares in one run, alternating: the import as it is (which finds that bodies need no compression on the way
to a process beside it); the same with bodies compressed always by ISA-L (--compression fast) and by zlib level 6
(--compression small); with a JavaScript transform; and a straightforward Python version of Mixpanel's docs
recipe (bench/docs_recipe.py) over a tenth of the rows. Prints a table of medians and ratios.

    ./dev bench import            (MILLRACE_BENCH_ROWS and MILLRACE_BENCH_RUNS change the size, and
                                   MILLRACE_BENCH_ONLY=TEXT takes the variants with TEXT in their name)

MILLRACE_BENCH_AGAINST=PROGRAM compares with another build of the program instead: what it needs without
options, in turn, and the medians of the ratios of neighbouring runs.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/millrace"))
ROWS = int(os.environ.get("MILLRACE_BENCH_ROWS", "1000000"))
RUNS = int(os.environ.get("MILLRACE_BENCH_RUNS", "5"))
ONLY = os.environ.get("MILLRACE_BENCH_ONLY", "")
AGAINST = os.environ.get("MILLRACE_BENCH_AGAINST", "")
TRANSFORM = """export default function (event) {
  event.properties.source = "bench";
  return event.properties.quantity === 0 ? null : event;
}
"""


def generate(folder, rows):
    subprocess.run([PROGRAM, "generate", "events", "--rows", str(rows), "--seed", "7", "--output", str(folder),
                    "--format", "parquet", "--format", "ndjson"], check=True, stdout=subprocess.DEVNULL)


class Sandbox:
    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM, "sandbox", "--discard", "--json"], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command, events, sandbox):
    """One run as a whole process, start-up included: events/s, its CPU s, the sandbox's CPU s, peak MB."""
    state = tempfile.mkdtemp(prefix="millrace-bench-")
    environment = os.environ | {"MILLRACE_STATE": state, "MIXPANEL_TOKEN": "bench"}
    served = sandbox.cpu_seconds()
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    process.stdout.close()
    shutil.rmtree(state)
    if status != 0:
        sys.exit(f"{command} ended with status {status}: {out[-500:]}")
    sent = json.loads(out)["bytes_sent"] if out.lstrip().startswith(b"{") else float("nan")
    return {"wall": wall, "rate": events / wall, "cpu": usage.ru_utime + usage.ru_stime,
            "sink": sandbox.cpu_seconds() - served, "peak": usage.ru_maxrss / 1000, "sent": sent / 1e6}


def take_turns(variants, sandbox):
    """The figures of RUNS runs of each variant: name -> list."""
    runs = {name: [] for name in variants}
    for turn in range(RUNS + 1):  # the first warms the page cache
        for name, (command, events) in variants.items():
            figures = measure(command, events, sandbox)
            if turn > 0:
                runs[name].append(figures)
    return runs


def compare_options(importing, folder, url):
    """Variants of one program: name -> (command, events)."""
    recipe = [sys.executable, str(ROOT / "bench/docs_recipe.py"),
              str(folder / "tenth/ndjson/events-00000.ndjson.gz"), url]
    return {
        "Parquet": (importing("parquet"), ROWS),
        "NDJSON.gz": (importing("ndjson"), ROWS),
        "Parquet, gzip by ISA-L": (importing("parquet", "--compression", "fast"), ROWS),
        "NDJSON.gz, gzip by ISA-L": (importing("ndjson", "--compression", "fast"), ROWS),
        "Parquet, zlib-6": (importing("parquet", "--compression", "small"), ROWS),
        "NDJSON.gz, zlib-6": (importing("ndjson", "--compression", "small"), ROWS),
        "NDJSON.gz, JavaScript": (importing("ndjson", config=folder / "transform.json"), ROWS),
        "NDJSON.gz, JavaScript, gzip by ISA-L": (
            importing("ndjson", "--compression", "fast", config=folder / "transform.json"), ROWS),
        "docs recipe in Python": (recipe, ROWS // 10),
    }


def compare_programs(importing, folder):
    variants = {}
    for name, where, config in (("Parquet", "parquet", "all/sources.json"), ("NDJSON.gz", "ndjson", "all/sources.json"),
                                ("NDJSON.gz, JavaScript", "ndjson", "transform.json")):
        for program, which in ((PROGRAM, ""), (AGAINST, "other: ")):
            variants[which + name] = (importing(where, config=folder / config, program=program), ROWS)
    return variants


def print_options(runs):
    median = {name: {key: statistics.median(run[key] for run in figures) for key in figures[0]}
              for name, figures in runs.items()}
    first = next(iter(median))
    print(f"| variant | wall s | events/s | client CPU s | sandbox CPU s | peak MB | MB sent | rate against {first} |")
    print("|---|---|---|---|---|---|---|---|")
    for name, m in median.items():
        print(f"| {name} | {m['wall']:.2f} | {m['rate']:,.0f} | {m['cpu']:.2f} | {m['sink']:.2f} | {m['peak']:.0f} "
              f"| {m['sent']:.0f} | {m['rate'] / median[first]['rate']:.3f} |")


def print_programs(runs):
    def median(values):
        return statistics.median(values)

    print("| variant | events/s | other, events/s | rate, ratio | CPU s, ratio | peak MB | other, peak MB |")
    print("|---|---|---|---|---|---|---|")
    for name in (name for name in runs if not name.startswith("other: ")):
        own, other = runs[name], runs["other: " + name]
        ratio = {key: median(a[key] / b[key] for a, b in zip(own, other)) for key in ("rate", "cpu")}
        print(f"| {name} | {median(run['rate'] for run in own):,.0f} | {median(run['rate'] for run in other):,.0f} "
              f"| {ratio['rate']:.3f} | {ratio['cpu']:.3f} | {median(run['peak'] for run in own):.0f} "
              f"| {median(run['peak'] for run in other):.0f} |")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-data-"))
    try:
        generate(folder / "all", ROWS)
        generate(folder / "tenth", ROWS // 10)
        (folder / "transform.js").write_text(TRANSFORM)
        config = json.loads((folder / "all/sources.json").read_text())
        for entry in config:
            entry["source_gcs_prefix"] = str(folder / "all" / entry["source_gcs_prefix"])
            entry["transform"] = str(folder / "transform.js")
        (folder / "transform.json").write_text(json.dumps(config))

        with Sandbox() as sandbox:
            def importing(where, *more, config=folder / "all/sources.json", program=PROGRAM):
                return [program, "import", str(folder / "all" / where), "--config", str(config), "--mixpanel-url",
                        sandbox.url, "--events-per-second", "0", "--gigabytes-per-minute", "0", "--quiet", "--json",
                        *more]

            variants = (compare_programs(importing, folder) if AGAINST else
                        compare_options(importing, folder, sandbox.url))
            runs = take_turns({name: variant for name, variant in variants.items() if ONLY in name}, sandbox)
        print(f"{ROWS:,} events, {RUNS} runs each in turn, medians of whole processes, {os.cpu_count()} cores\n")
        (print_programs if AGAINST else print_options)(runs)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
