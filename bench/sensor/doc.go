// Package sensor measures the network sensor beside its peers, each on one processor, in
// one interleaved run: packets of one and the same capture beside softflowd and nDPI's
// reader. It belongs to no stage.
//
// The capture is made here, the same one every time. The peers come from Debian
// (bench/install.sh); one that is not there is left out of the table.
//
// Run it with: go test ./bench/sensor -run '^$' -bench . -benchtime 1x -cpu 1
package sensor
