#!/usr/bin/env bash
# Formatting, include layers, language and a short clang-tidy. Fails on the first kind of finding.
#   tools/check.sh [--fast | --analyzer]
# --fast: without clang-tidy. --analyzer: with the checks that also follow every path of a function, which take
# long; they are not part of CI.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh --clang
mapfile -t sources < <(git ls-files 'src/**.h' 'src/**.cc' 'tests/**.cc' 'bench/**.cc' 'fuzz/**.cc')
echo "check: clang-format of ${#sources[@]} files"
clang-format-14 --dry-run --Werror "${sources[@]}"
echo "check: include layers"
python3 tools/check_layers.py
echo "check: language"
python3 tools/check_language.py
echo "check: shell and Python syntax"
git ls-files '*.sh' dev .ci/run | xargs -n1 bash -n
git ls-files '*.py' | xargs -r python3 -m py_compile
echo "check: Airflow provider"
make -s -C airflow lint
[ "${1:-}" = --fast ] && exit 0
echo "check: clang-tidy"
./dev build release  # which makes sources of its own, that others include
python3 tools/tidy.py build/release "$@"
echo "check: clean"
