#!/usr/bin/env bash
# Rewrites requirements/*.txt from pyproject.toml: every version exact, every file by its hash, and no
# address of any index, so that the lock works with whatever index pip is configured for.
#   scripts/lock.sh             keep the versions that still satisfy pyproject.toml
#   scripts/lock.sh --upgrade   take the newest of everything
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || true)
if [[ -z $uv ]]; then
  [[ -x .venv/bin/uv ]] || .venv/bin/python -m pip install 'uv>=0.13'
  uv=.venv/bin/uv
fi

lock() { # lock NAME OPTION...: compile one file
  local name=$1
  shift
  echo "requirements/$name.txt"
  "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate --output-file "requirements/$name.txt" "$@"
}

# The full set first; the smaller ones are cut from it, so that one version is used everywhere.
lock test --extra server --extra postgres --extra otel --group build --group test --group lint "$@"
lock base --group build --constraints requirements/test.txt "$@"
lock server --extra server --group build --constraints requirements/test.txt "$@"
lock demo --extra server --group build --group demo --constraints requirements/test.txt "$@"
