#!/usr/bin/env bash
# Fails if `make generate` changes any file of the working tree.
#
# It compares the tree before and after, not with the last commit, so that it
# says the same in a tree with changes of one's own.
set -euo pipefail
cd "$(dirname "$0")/.."

snapshot() {
	git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			[ -f "$file" ] && sha256sum "$file"
		done | sort -k2
}

before=$(snapshot)
"${MAKE:-make}" --no-print-directory generate
after=$(snapshot)

if [ "$before" != "$after" ]; then
	echo "generated files are out of date: commit what \`make generate\` has just written:" >&2
	diff <(echo "$before") <(echo "$after") | sed -n 's/^[<>] [0-9a-f]*  /  /p' | sort -u >&2
	exit 1
fi
