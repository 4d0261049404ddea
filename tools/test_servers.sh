#!/usr/bin/env bash
# Installs the servers that integration tests run against, each at a pinned version, into the cache
# folder; a second run does nothing. What cannot be installed is said, and its tests are skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
servers=$(tools/cache_folder.sh)/servers || exit 1
mkdir -p "$servers"

# Runs a command that fills the folder $1, unless it is there; an interrupted run leaves nothing half.
install_once() {
  local target=$servers/$1 work
  shift
  [ -d "$target" ] && return
  echo "setup: installing ${target##*/} into $servers" >&2
  work=$(mktemp -d "$servers/.work.XXXXXX")
  if "$@" "$work" >"$work/log" 2>&1; then
    rm "$work/log" && mv "$work" "$target"
  else
    echo "setup: ${target##*/} cannot be installed, its tests are skipped: $(tail -1 "$work/log")" >&2
    rm -rf "$work"
  fi
}

go_server() { # PACKAGE FOLDER
  CGO_ENABLED=0 GOBIN=$2 go install "$1"
}
own_server() { # FOLDER-OF-MODULE FOLDER
  CGO_ENABLED=0 go build -C "$1" -trimpath -ldflags=-s -o "$2/" .
}
npm_server() { # PACKAGE FOLDER
  npm install --silent --no-audit --no-fund --prefix "$2" "$1"
}

if command -v go >/dev/null; then
  install_once fake-gcs-server-1.56.1 go_server github.com/fsouza/fake-gcs-server@v1.56.1
  install_once versitygw-1.8.0 go_server github.com/versity/versitygw/cmd/versitygw@v1.8.0
  install_once pstest-2.8.0 own_server "$PWD/tests/servers/pstest"
else
  echo "setup: no Go compiler: tests against fake-gcs-server, versitygw and pstest are skipped" >&2
fi
if command -v npm >/dev/null; then
  install_once azurite-3.35.0 npm_server azurite@3.35.0
else
  echo "setup: no npm: tests against Azurite are skipped" >&2
fi
