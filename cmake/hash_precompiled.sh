#!/bin/sh
# Runs a compiler and, when that makes a precompiled header, writes its checksum next to it: ccache uses that
# (CCACHE_PCH_EXTSUM) instead of reading the header, over a hundred megabytes, again for each source.
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
