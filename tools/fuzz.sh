#!/usr/bin/env bash
# Runs every fuzz target (or those whose name contains NAME) for SECONDS each, one after the other.
#   tools/fuzz.sh [SECONDS] [NAME]
# New inputs are kept in build/fuzz/corpus/TARGET; a crashing input stays in build/fuzz/crashes/.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60} name=${2:-} failed=0
for target in build/fuzz/fuzz/fuzz_*; do
  [ -x "$target" ] && [ -f "$target" ] && [[ $target == *"$name"* ]] || continue
  base=$(basename "$target")
  mkdir -p "build/fuzz/corpus/$base" build/fuzz/crashes
  seeds=()
  [ -d "fuzz/corpus/$base" ] && seeds=("fuzz/corpus/$base")
  echo "== $base for $seconds s"
  ARROW_DEFAULT_MEMORY_POOL=system "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix="build/fuzz/crashes/$base-" -print_final_stats=1 -verbosity=0 \
    "build/fuzz/corpus/$base" "${seeds[@]}" || failed=1
done
exit $failed
