#!/usr/bin/env bash
# What the tests use of the system itself: Chromium, for those of pages. On Debian and its like,
# root installs it here; anybody else is told what is left out and how to change that.
set -euo pipefail

for name in chromium chromium-browser; do
    command -v "$name" >/dev/null && exit 0
done
if [ -n "${CONSIGNEASE_CHROMIUM:-}" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
            >/dev/null && exit 0
fi
echo "SKIPPED: tests of pages will not run, because there is no Chromium: install it, or say where" \
    "it is in CONSIGNEASE_CHROMIUM" >&2
