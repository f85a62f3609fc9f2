// Package hub is a brick: one publisher's values fanned out to subscribers that
// may be slow. It belongs to no stage.
//
// It promises that Publish never blocks: a subscriber whose buffer is full loses
// its oldest values, counted. It never starts a goroutine and never closes a
// channel that it may still send on.
package hub
