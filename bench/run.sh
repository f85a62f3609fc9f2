#!/bin/sh
# Measures the gateway beside its peers and prints the report.
#
#	bench/run.sh                       the whole report, to standard output
#	bench/run.sh --write               the same, and into docs/benchmarks.md
#	bench/run.sh -only web,device      some parts: web h2 open handshake device paced opaque idle slow waf go
#	bench/run.sh -only waf -seconds 3  the application firewalls; less leaves some no time
#	bench/run.sh -rounds 1 -seconds 1  a quick look, whose numbers mean little
#
# Further flags: go run ./bench/compare -h. It wants a quiet machine with two cores.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
export GOTOOLCHAIN=local

write=
if [ "${1:-}" = --write ]; then
	write=1
	shift
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$tmp" # nginx's worker runs as another user

[ -x ./haechi ] || { echo "bench: make build first" >&2; exit 1; }
go build -o "$tmp/compare" ./bench/compare

status=0
if [ -n "$write" ]; then
	"$tmp/compare" -dir "$tmp" -haechi ./haechi "$@" >"$tmp/report.md" || status=$?
	cat "$tmp/report.md"
	[ "$status" -le 1 ] && cp "$tmp/report.md" docs/benchmarks.md
else
	"$tmp/compare" -dir "$tmp" -haechi ./haechi "$@" || status=$?
fi
exit "$status"
