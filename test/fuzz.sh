#!/usr/bin/env bash
# Fuzzes every target of the project for the given time each (default 1m), one
# after the other, and stops at the first finding.
set -euo pipefail
cd "$(dirname "$0")/.."
time="${1:-1m}"
grep -rlE '^func Fuzz' --include='*_test.go' . | sort | while read -r file; do
	pkg="$(dirname "$file")"
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r target; do
		echo "== $pkg $target, $time"
		go test "$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x </dev/null
	done
done
