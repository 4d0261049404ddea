#!/bin/sh
# Runs a compiler and, when that makes a precompiled header, leaves its checksum beside it: ccache takes that
# (CCACHE_PCH_EXTSUM) where it would read the header, over a hundred megabytes, for each source anew.
#   hash_precompiled.sh COMPILER ARGS...
set -eu
output=
previous=
for argument; do
  [ "$previous" = -o ] && output=$argument
  previous=$argument
done
case $output in
  *.gch | *.pch) ;;
  *) exec "$@" ;;
esac
rm -f "$output.sum"
"$@"
sha1sum <"$output" >"$output.sum"
