#!/usr/bin/env bash
# Installs the servers and the clients of Mixpanel that integration tests run against, each at a pinned
# version, into the cache folder; a second run does nothing. If one cannot be installed, a message says
# so, and its tests are skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
cache=$(tools/cache_folder.sh) || exit 1
mkdir -p "$cache/servers" "$cache/clients"

# Runs a command that fills the folder $1 of the cache, unless it is there; an interrupted run leaves
# no partial output.
install_once() {
  local target=$cache/$1 work
  shift
  [ -d "$target" ] && return
  echo "setup: installing ${target##*/} into ${target%/*}" >&2
  work=$(mktemp -d "${target%/*}/.work.XXXXXX")
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
debian_server() { # PACKAGE FOLDER; unpacked only, so that no service starts
  (cd "$2" && apt-get download "$1" && dpkg-deb -x "$1"_*.deb . && rm "$1"_*.deb)
}
npm_client() { # PACKAGE FOLDER
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$2" "$1"
}
go_client() { # FOLDER-OF-MODULE FOLDER; compiling it here fills Go's build cache
  GOMODCACHE=$2/mod CGO_ENABLED=0 GOFLAGS=-modcacherw go build -C "$1" -o "$2/compiled"
}
maven_client() { # POM FOLDER
  mvn -q -B -f "$1" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$2"
}
python_clients() { # REQUIREMENTS FOLDER
  python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile \
    --require-hashes --only-binary=:all: --target "$2" -r "$1"
}

if command -v go >/dev/null; then
  install_once servers/fake-gcs-server-1.56.1 go_server github.com/fsouza/fake-gcs-server@v1.56.1
  install_once servers/versitygw-1.8.0 go_server github.com/versity/versitygw/cmd/versitygw@v1.8.0
  install_once servers/pstest-2.8.0-2 own_server "$PWD/tests/servers/pstest"
  install_once servers/hclfmt-2.25.0 go_server github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.25.0
  install_once clients/mixpanel-go-1.2.1 go_client "$PWD/tests/integration/clients/go"
else
  echo "setup: no Go compiler: tests against fake-gcs-server, versitygw, pstest and mixpanel-go, and of Terraform's format, are skipped" >&2
fi
if command -v npm >/dev/null; then
  install_once servers/azurite-3.35.0 npm_server azurite@3.35.0
  install_once clients/mixpanel-browser-2.83.0 npm_client mixpanel-browser@2.83.0
  install_once clients/mixpanel-node-0.24.0 npm_client mixpanel@0.24.0
  install_once clients/mixpanel-import-3.1.43 npm_client mixpanel-import@3.1.43
else
  echo "setup: no npm: tests against Azurite and Mixpanel's JavaScript clients are skipped" >&2
fi
if command -v mvn >/dev/null; then
  install_once clients/mixpanel-java-1.5.3 maven_client "$PWD/tests/integration/clients/java/pom.xml"
else
  echo "setup: no Maven: the test of mixpanel-java is skipped" >&2
fi
if command -v apt-get >/dev/null; then
  install_once servers/nginx-debian debian_server nginx
  install_once servers/caddy-debian debian_server caddy
  install_once servers/prometheus-debian debian_server prometheus
  install_once servers/node-exporter-debian debian_server prometheus-node-exporter
else
  echo "setup: no apt-get: tests against nginx, Caddy and Prometheus are skipped" >&2
fi
install_once "clients/python-$(sha256sum tools/requirements-clients.txt | cut -c1-12)" \
  python_clients "$PWD/tools/requirements-clients.txt"
