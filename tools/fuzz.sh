#!/usr/bin/env bash
# Runs every fuzz target (or those whose name contains NAME) for SECONDS each.
#   tools/fuzz.sh [SECONDS] [NAME]
#   MILLRACE_FUZZ_JOBS=N   number of targets at a time (default: one per two processors)
# New inputs are kept in build/fuzzing/corpus/TARGET; a crashing input stays in build/fuzzing/crashes/, and
# the end of each target's log, build/fuzzing/logs/TARGET.log, says what it did.
set -euo pipefail
cd "$(dirname "$0")/.."
export seconds=${1:-60}
name=${2:-}
jobs=${MILLRACE_FUZZ_JOBS:-$((($(nproc) + 1) / 2))}
mkdir -p build/fuzzing/crashes build/fuzzing/logs

# Prints a line with the target's executions, or the end of its log and fails.
run_target() {
  local target=$1 base log
  base=$(basename "$target")
  log=build/fuzzing/logs/$base.log
  mkdir -p "build/fuzzing/corpus/$base"
  local seeds=()
  [ -d "fuzz/corpus/$base" ] && seeds=("fuzz/corpus/$base")
  if ARROW_DEFAULT_MEMORY_POOL=system "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix="build/fuzzing/crashes/$base-" -print_final_stats=1 -verbosity=0 \
    "build/fuzzing/corpus/$base" "${seeds[@]}" >"$log" 2>&1; then
    printf '%-28s ok      %s s, %s executions, %s inputs kept\n' "$base" "$seconds" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(ls "build/fuzzing/corpus/$base" | wc -l)"
  else
    printf '%-28s FAILED\n' "$base"
    tail -n 40 "$log" | sed 's/^/    /'
    return 1
  fi
}
export -f run_target

targets=()
for target in build/asan/fuzz/fuzz_*; do
  [ -x "$target" ] && [ -f "$target" ] && [[ $target == *"$name"* ]] && targets+=("$target")
done
[ ${#targets[@]} -gt 0 ] || {
  echo "no fuzz target has '$name' in its name" >&2
  exit 2
}
echo "fuzzing ${#targets[@]} targets for $seconds s each, $jobs at a time"
printf '%s\0' "${targets[@]}" | xargs -0 -n1 -P "$jobs" bash -c 'run_target "$0"'
