#!/usr/bin/env bash
# Runs every test under the race detector and closes with how many passed, failed
# and were skipped, and why.
set -uo pipefail
cd "$(dirname "$0")/.."
race=-race
command -v gcc >/dev/null || { race=""; echo "no C compiler: the race detector is off" >&2; }
log="$(mktemp)" bin="$(mktemp -d)"
trap 'rm -rf "$log" "$bin"' EXIT
# The program that the tests of several packages start is linked once for all of them.
go build $race -ldflags="-s -w" -o "$bin/haechi" ./cmd/haechi && export HAECHI_PROGRAM="$bin/haechi"
mkdir "$bin/mariadb" && export HAECHI_MARIADB="$bin/mariadb" # the data of an empty server, made once
# What vet says is said by make check.
ask=(go test $race -vet=off -count=1 -timeout 15m)
"${ask[@]}" -json "$@" ./... >"$log"
exec go run ./test/summary "${ask[@]}" <"$log"
