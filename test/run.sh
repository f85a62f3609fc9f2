#!/usr/bin/env bash
# Runs every test under the race detector and closes with how many passed, failed
# and were skipped, and why.
set -uo pipefail
cd "$(dirname "$0")/.."
race=-race
command -v gcc >/dev/null || { race=""; echo "no C compiler: the race detector is off" >&2; }
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
go test $race -count=1 -timeout 15m -json "$@" ./... >"$log"
code=$?
go run ./test/summary <"$log" || code=1
exit $code
