#!/usr/bin/env bash
# The main job on sample data: generate files, import them into a local sandbox, prove that all arrived.
#   ./dev demo [--fresh]
# Everything stays in build/demo, so that a second ./dev demo finds its work done and sends nothing;
# --fresh starts again.
set -euo pipefail
cd "$(dirname "$0")/.."
millrace=$PWD/build/release/millrace
folder=build/demo
[ "${1:-}" = --fresh ] && rm -rf "$folder"
mkdir -p "$folder"
export MILLRACE_STATE=$PWD/$folder/state MIXPANEL_TOKEN=demo-token

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
run() {
  echo "\$ millrace $*" | sed "s#$PWD/##g"
  "$millrace" "$@"
}

if [ ! -f "$folder/sample/sources.json" ]; then
  say "1. Sample events: the same 100,000 rows as Parquet, NDJSON.gz and CSV"
  run generate events --rows 100000 --seed 7 --output "$folder/sample"
fi

# The ledger knows destinations by their URL: the sandbox keeps its port while that is free.
port=0
[ -f "$folder/port" ] && port=$(cat "$folder/port")
start_sandbox() {
  coproc SANDBOX { exec "$millrace" sandbox --listen "127.0.0.1:$1" --store "$folder/sandbox" --json 2>"$folder/sandbox.log"; }
  read -r line <&"${SANDBOX[0]}"
}
start_sandbox "$port" || { port=0 && start_sandbox 0; } || { cat "$folder/sandbox.log" >&2; exit 1; }
sandbox=$SANDBOX_PID
trap 'kill "$sandbox" 2>/dev/null; wait "$sandbox" 2>/dev/null || true' EXIT
url=$(sed 's/.*"url": *"\([^"]*\)".*/\1/' <<<"$line")
echo "${url##*:}" >"$folder/port"
say "2. A sandbox in Mixpanel's place: $url (a live page for your browser while this runs)"

say "3. Import all three formats"
run import "$folder/sample" --config "$folder/sample/sources.json" --mixpanel-url "$url" --events-per-second 0

say "4. Reconcile: read the files again and compare with what the sandbox holds"
run reconcile "$folder/sample" --config "$folder/sample/sources.json" --mixpanel-url "$url"

say "5. Import again: the ledger knows that nothing is left to send"
run import "$folder/sample" --config "$folder/sample/sources.json" --mixpanel-url "$url" --events-per-second 0

say "Next: Mixpanel's SDKs through the proxy, with a page to try it: build/release/millrace proxy --demo"
