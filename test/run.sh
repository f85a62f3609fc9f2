#!/usr/bin/env bash
# Runs every test under the race detector and closes with how many passed, failed
# and were skipped, and why.
set -uo pipefail
cd "$(dirname "$0")/.."
# Not in what others wrote and what only computes, on memory of its own or on text that nobody
# writes: to ask the detector at each access is a third of what a start costs, and half of
# what the rules of the WAF do. Who calls it is looked at. None of them may instantiate the
# tables of sync.Map: the linker keeps one copy of what is generic for all, and one that is not
# watched hides from the detector what orders everybody.
# Nobody reads what a debugger would need.
race=(-race "-gcflags=all=-dwarf=false")
while read -r own; do
	race+=("-gcflags=$own=-race=false -dwarf=false")
done <test/gateway/unwatched.txt
command -v gcc >/dev/null || { race=(); echo "no C compiler: the race detector is off" >&2; }
export GOGC=400 # as the program itself sets it: the compiler needs a fifth less, the rules of the WAF a third
export GORACE=atexit_sleep_ms=0 # it reports as it goes, and would hold up the end of each process for a second
log="$(mktemp)" bin="$(mktemp -d)"
trap 'rm -rf "$log" "$bin"' EXIT
# The program that the tests of several packages start is linked once for all of them.
go build "${race[@]}" -ldflags="-s -w" -o "$bin/haechi" ./cmd/haechi && export HAECHI_PROGRAM="$bin/haechi"
mkdir "$bin/mariadb" && export HAECHI_MARIADB="$bin/mariadb" # the data of an empty server, made once
# What vet says is said by make check.
ask=(go test "${race[@]}" -vet=off -count=1 -timeout 15m)
# Those that take longest come first, those that mostly wait beside what computes, so that no
# core is idle at the end; three at a time keep two cores busy.
first=(./test/scenario ./test/shield ./internal/app ./test/browser ./cmd/haechi ./internal/inspect/waf/sieve ./test/weakness)
"${ask[@]}" -p $(($(nproc) + 1)) -json "$@" "${first[@]}" ./... >"$log"
go run ./test/summary "${ask[@]}" <"$log"
