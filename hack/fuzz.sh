#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other.
#
# Usage: hack/fuzz.sh [TIME]   TIME is that of each target, as for -fuzztime; default 10m
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:-10m}

# `go test -list` prints a package's targets and then its "ok" line. Packages
# without a fuzz target in their sources need not be compiled.
folders=$(grep -rl --include='*_test.go' '^func Fuzz' cmd pkg | xargs -rn1 dirname | sort -u)
if [ -z "$folders" ]; then
	echo "no fuzz target found" >&2
	exit 1
fi
for folder in $folders; do
	for target in $(go test -list '^Fuzz' "./$folder" | grep '^Fuzz'); do
		echo "--- $folder $target"
		go test -run '^$' -fuzz "^$target\$" -fuzzminimizetime 5x -fuzztime "$fuzztime" "./$folder"
	done
done
