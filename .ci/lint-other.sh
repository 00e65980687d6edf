#!/bin/sh
# Checks what is not Go with the tools that read it. A tool that is not installed
# leaves its check out and says so; with KEYVAL_REQUIRE_TOOLS it fails.
set -eu

have() { # have TOOL WHAT
	command -v "$1" >/dev/null && return
	echo "SKIPPED, $2: $1 is not installed (run: make tools)" >&2
	[ -z "${KEYVAL_REQUIRE_TOOLS:-}" ] || exit 1
	return 1
}

if have shellcheck "the shell scripts"; then
	git ls-files '*.sh' .ci/run | xargs shellcheck
fi
if have yamllint "the YAML files"; then
	git ls-files '*.yml' '*.yaml' | xargs yamllint --strict
fi
