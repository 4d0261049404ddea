#!/usr/bin/env bash
# Runs the benchmarks whose name contains NAME (default: all of them).
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-}
for program in build/release/bench/*_benchmark; do
  [ -x "$program" ] && [[ $program == *"$name"* ]] && { echo "== $(basename "$program")"; "$program"; }
done
for script in bench/*_benchmark.py; do
  [ -f "$script" ] && [[ $script == *"$name"* ]] && { echo "== $script"; python3 "$script"; }
done
