#!/bin/sh
# Sees to it that PostgreSQL's programs are installed; the tests start a private cluster of their own.
# Where they are missing and cannot be installed, the tests run on SQLite only, except in CI.
set -eu
cd "$(dirname "$0")/.."
for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && exit 0
done
command -v initdb >/dev/null && exit 0

sh tools/packages.sh postgresql && exit 0
[ "${CI:-}" = true ] && exit 1
echo "PostgreSQL is not there: the tests run on SQLite only." >&2
