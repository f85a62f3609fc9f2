// Package sensor measures the network sensor beside its peers, each on one processor, in
// one interleaved run: packets of one and the same capture beside softflowd and nDPI's
// reader, lines of one and the same log beside fail2ban and CrowdSec; and what ten million
// flows of ten million sources hold. It belongs to no stage.
//
// The capture and the log are made here, the same ones every time. The peers come from Debian
// (bench/install.sh); one that is not there is left out of the table.
//
// Run it with: go test ./bench/sensor -run '^$' -bench . -benchtime 1x -cpu 1
package sensor
