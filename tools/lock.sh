#!/bin/sh
# Writes the locks, with hashes, for all platforms: requirements.lock (run time), requirements-dev.lock (also tests
# and tools), requirements-demo.lock (the generator of the demo patients).
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}
compile pyproject.toml -o requirements.lock
compile pyproject.toml --group dev -o requirements-dev.lock
compile pyproject.toml --group demo -o requirements-demo.lock
