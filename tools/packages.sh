#!/bin/sh
# Installs Debian packages (arguments), directly as root or through sudo. Fails with a sentence when it may not.
set -eu
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "Please install: $*   (for example: sudo apt-get install $*)" >&2
    exit 1
fi
command -v apt-get >/dev/null || {
    echo "Please install: $*   (this machine has no apt-get)" >&2
    exit 1
}
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q </dev/null
$as_root apt-get install -q -y --no-install-recommends "$@" </dev/null
