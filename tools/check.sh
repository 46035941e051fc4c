#!/usr/bin/env bash
# The one command that checks everything; needs an environment with the extra "test" (see CONTRIBUTING.md).
set -eu
cd "$(dirname "$0")/.."
ruff check .
mypy
if command -v clang-format >/dev/null; then
    find hemp_codec/native -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
else
    echo "clang-format is not installed: C sources were not checked for style" >&2
fi
pytest -q "$@"
