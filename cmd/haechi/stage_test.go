package main

import "testing"

// A demo whose ports are taken finds others, and never one of them twice.
func TestFreeAddrs(t *testing.T) {
	for range 500 {
		if out := freeAddrs("127.0.0.1:0", "127.0.0.1:0", "256.0.0.1:1"); out[0] == out[1] || out[2] == "256.0.0.1:1" {
			t.Fatalf("%q", out)
		}
	}
}
