package nft

import (
	"context"
	"time"
)

// Probe asks whether this process could enforce here, and whether a table of an
// earlier one is in force. It changes nothing. Errors are those of [Open].
func Probe(ctx context.Context, netns int) (left bool, err error) {
	left, _, err = newKernel(netns, time.Second).there(ctx)
	return left, err
}
