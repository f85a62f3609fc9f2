// Package ttlmap is a bounded map whose entries end at a stated time: pending
// links, recent references, anything remembered for a while. It is a brick of no
// stage.
//
// It promises to hold no more than its capacity and to forget no entry before its
// time unless the caller asks with Replace; a full map refuses and counts. It
// never reads a clock: the caller passes the time in.
package ttlmap
