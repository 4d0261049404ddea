#!/usr/bin/env bash
# Installs what is missing and says what; a second run changes nothing. Never asks.
#   tools/setup.sh [--tests] [--clang] [--airflow]
# --tests: also what only tests use (Chromium, faketime, OpenSSL, PostgreSQL, test servers).
# --airflow: also Airflow, of two versions, for tests of airflow/ and for a local one (./dev airflow).
# --clang: also clang with its tools, for ./dev check, format, asan and fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$(tools/cache_folder.sh)

packages=(
  g++ cmake ninja-build mold ccache git pkg-config python3 python3-pip unzip
  libabsl-dev nlohmann-json3-dev libcurl4-openssl-dev libssl-dev libboost1.81-dev libisal-dev libpugixml-dev libzstd-dev
  zlib1g-dev libsqlite3-dev libpq-dev libxxhash-dev libcli11-dev libjavascriptcoregtk-4.1-dev
  prometheus-cpp-dev
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libbenchmark-dev libgtest-dev libgmock-dev
)
tests=
airflow=
for argument in "$@"; do
  case $argument in
    --tests)
      tests=yes
      packages+=(chromium faketime openssl postgresql python3-prometheus-client)
      ;;
    --airflow)
      airflow=yes
      packages+=(postgresql)
      ;;
    --clang) packages+=(clang-format-14 clang-tidy-14 clang-14 libclang-rt-14-dev) ;;
    *)
      echo "setup: no option '$argument'" >&2
      exit 2
      ;;
  esac
done

# A cmake, git or Python that is not Debian's is accepted, too.
have() {
  case $1 in
    cmake | git | python3 | chromium) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 ;;
    *) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
  esac
}
missing=()
for package in "${packages[@]}"; do
  have "$package" || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  run=()
  [ "$(id -u)" -eq 0 ] || run=(sudo)
  for command in "${run[@]}" apt-get; do
    command -v "$command" >/dev/null && continue
    echo "setup: $command is not installed; install these Debian packages yourself, as root, then run this again:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  done
  echo "setup: installing with apt-get: ${missing[*]}" >&2
  "${run[@]}" apt-get update -qq
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

deps=$cache/deps
mkdir -p "$deps"

# Unpacks into a folder beside the target and renames, so that an interrupted run leaves no partial output.
fetch() {
  local name=$1 target=$deps/$1 work
  shift
  [ -d "$target" ] && return
  echo "setup: installing $name into $deps" >&2
  work=$(mktemp -d "$deps/.$name.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -d "$work" "$@"
  case $(ls "$work") in
    *.whl)
      python3 -m zipfile -e "$work"/*.whl "$work/tree"
      for library in arrow parquet arrow_s3; do
        [ -d "$work/tree/pyarrow" ] || continue
        ln -s "$(cd "$work/tree/pyarrow" && ls "lib$library".so.* | head -1)" \
          "$work/tree/pyarrow/lib$library.so"
      done
      ;;
    *.tar.gz)
      mkdir "$work/tree"
      tar -xzf "$work"/*.tar.gz -C "$work/tree" --strip-components=1
      ;;
  esac
  mv "$work/tree" "$target"
  rm -rf "$work"
  trap - EXIT
}

# Many packages in one folder, which only tests look into (tests/integration/packages.py, duck_iceberg.py); it is
# installed again if the list has changed. Tests, the third argument, are skipped without them.
install_packages() {
  local name=$1 list=$2 target=$deps/$1 work
  cmp -s "$list" "$target/requirements.txt" && return
  echo "setup: installing $name into $deps" >&2
  work=$(mktemp -d "$deps/.$name.XXXXXX")
  if python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
    --only-binary=:all: --target "$work" -r "$list"; then
    cp "$list" "$work/requirements.txt"
    rm -rf "$target"
    mv "$work" "$target"
  else
    echo "setup: $name cannot be installed; $3 are skipped" >&2
    rm -rf "$work"
  fi
}

# The same as a virtual environment, for programs that start Python again. It needs no python3-venv.
install_environment() {
  local name=$1 list=$2 target=$deps/$1
  cmp -s "$list" "$target/requirements.txt" && return
  echo "setup: installing $name into $deps" >&2
  rm -rf "$target"
  # At its final place, because its programs name it. requirements.txt comes last.
  if python3 -m venv --without-pip "$target" &&
    python3 -m pip --python "$target/bin/python" install -q --disable-pip-version-check --no-deps --require-hashes \
      --only-binary=:all: --no-binary=python-nvd3 -r "$list"; then
    cp "$list" "$target/requirements.txt"
  else
    echo "setup: $name cannot be installed; $3 are skipped" >&2
    rm -rf "$target"
  fi
}

# Whether cmake/Arrow.cmake will take an Arrow that is installed: of the pinned major version, with Parquet.
arrow_is_installed() {
  local version
  for version in /usr/lib/*/cmake/Arrow/ArrowConfigVersion.cmake /usr/local/lib*/cmake/Arrow/ArrowConfigVersion.cmake; do
    [ -f "${version%/Arrow/*}/Parquet/ParquetConfig.cmake" ] || continue
    grep -qE 'PACKAGE_VERSION "26\.' "$version" && return
  done
  return 1
}
if ! arrow_is_installed; then
  fetch pyarrow-26.0.1 -r tools/requirements.txt --only-binary=:all: --implementation cp \
    --python-version 3.11 --abi cp311 --platform "manylinux_2_28_$(uname -m)"
fi
fetch pysimdjson-7.0.2 -r tools/requirements-source.txt --no-binary pysimdjson
# What tests compare with; it is skipped on machines that it does not support.
if [ -n "$tests" ]; then
  fetch duckdb-2.0.0 -r tools/requirements-tests.txt --only-binary=:all: --implementation cp \
    --python-version 3.11 --abi cp311 --platform "manylinux_2_28_$(uname -m)" || true
  [ -d "$deps/duckdb-2.0.0" ] ||
    echo "setup: DuckDB cannot be installed; tests that compare with it are skipped" >&2

  install_packages pyiceberg-0.12.0 tools/requirements-iceberg.txt "tests of Iceberg tables"
  install_packages duckdb-iceberg-1.5.5 tools/requirements-duckdb-iceberg.txt "tests of tables that Millrace writes"
  install_packages bqemulator-1.4.0 tools/requirements-bigquery.txt "tests of BigQuery"
  install_packages fakesnow-0.12.1 tools/requirements-snowflake.txt "tests of Snowflake"
  install_packages boto3-1.44.8 tools/requirements-redshift.txt "tests of Redshift"
  install_packages checkov-3.3.30 tools/requirements-terraform.txt "tests of Terraform"
  tools/test_servers.sh
fi
if [ -n "$airflow" ]; then
  install_environment airflow-3.3.2 tools/requirements-airflow-3.txt "tests of Airflow 3"
  install_environment airflow-2.10.5 tools/requirements-airflow-2.txt "tests of Airflow 2"
fi
