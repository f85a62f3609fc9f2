#!/usr/bin/env bash
# Runs every test under the race detector and closes with how many passed, failed
# and were skipped, and why.
set -uo pipefail
cd "$(dirname "$0")/.."
# Not in the C of SQLite, translated to Go: its memory is mapped past Go's heap, where the
# detector looks at nothing, and yet to ask it at each access is a third of what a start costs.
# The driver around it is looked at. Nor in argon2, which fills 64 MiB of its own a password.
race=(-race)
for own in modernc.org/sqlite/lib modernc.org/libc/... golang.org/x/crypto/argon2; do
	race+=("-gcflags=$own=-race=false")
done
command -v gcc >/dev/null || { race=(); echo "no C compiler: the race detector is off" >&2; }
export GORACE=atexit_sleep_ms=0 # it reports as it goes, and would hold up the end of each process for a second
log="$(mktemp)" bin="$(mktemp -d)"
trap 'rm -rf "$log" "$bin"' EXIT
# The program that the tests of several packages start is linked once for all of them.
go build "${race[@]}" -ldflags="-s -w" -o "$bin/haechi" ./cmd/haechi && export HAECHI_PROGRAM="$bin/haechi"
mkdir "$bin/mariadb" && export HAECHI_MARIADB="$bin/mariadb" # the data of an empty server, made once
# What vet says is said by make check.
ask=(go test "${race[@]}" -vet=off -count=1 -timeout 15m)
# Those that take longest and mostly wait come first, beside what computes; three at a time
# keep two cores busy.
first=(./test/scenario ./test/shield ./internal/app ./test/browser ./test/weakness)
"${ask[@]}" -p $(($(nproc) + 1)) -json "$@" "${first[@]}" ./... >"$log"
go run ./test/summary "${ask[@]}" <"$log"
