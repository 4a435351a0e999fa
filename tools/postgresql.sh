#!/bin/sh
# Sees to it that PostgreSQL's programs are installed; the tests start a private cluster of their own.
# Where they are missing and cannot be installed, the tests run on SQLite only, except in CI.
set -eu
cd "$(dirname "$0")/.."
for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && exit 0
done
command -v initdb >/dev/null && exit 0

# Debian's package would start a cluster of its own at installation; nobody needs that one.
if [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
sh tools/packages.sh postgresql && exit 0
[ "${CI:-}" = true ] && exit 1
echo "PostgreSQL is not there: the tests run on SQLite only." >&2
