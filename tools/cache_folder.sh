#!/usr/bin/env bash
# Prints the folder that downloads are unpacked into: $XDG_CACHE_HOME/millrace, else ~/.cache/millrace.
set -euo pipefail
base=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
if [ -z "$base" ]; then
  echo "Neither HOME nor XDG_CACHE_HOME is set: set one, so that there is a folder to unpack downloads into" >&2
  exit 1
fi
echo "$base/millrace"
