#!/usr/bin/env bash
# What the tests use of the system itself. On Debian and its like, root installs it here; anybody
# else is told what is left out, and how to change that.
set -euo pipefail

have() { command -v "$1" >/dev/null; }

missing=()
have chromium || have chromium-browser || [ -n "${CONSIGNEASE_CHROMIUM:-}" ] || missing+=(chromium)
have curl || missing+=(curl)
have cc || missing+=(gcc libc6-dev)
have ip || missing+=(iproute2)
PATH=$PATH:/usr/sbin have pgbouncer || missing+=(pgbouncer)
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
    echo "installing what the tests use of the system: ${missing[*]}"
    apt-get update -qq &&
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}" >/dev/null && exit 0
fi
echo "SKIPPED: tests of pages need chromium (CONSIGNEASE_CHROMIUM says where another one is), of" \
    "power loss gcc, of some commands curl and ip, of poolers pgbouncer. Missing here: ${missing[*]}" >&2
