#!/usr/bin/env bash
# The one command that checks everything; needs an environment with the extra "test" (see CONTRIBUTING.md).
set -eu
cd "$(dirname "$0")/.."
ruff check .
mypy
find attacks hemp_codec tests tools examples \( -name '*.[ch]' -o -name '*.cpp' \) -print0 | xargs -0 clang-format --dry-run -Werror
pytest -q "$@"
