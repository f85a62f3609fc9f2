// Package talktest plays conversations to a listener and compares what it tells: the suite
// of the packages that understand a protocol. Its heart is that the events do not depend
// on how a stream is cut into segments.
//
// It promises nothing to programs that are not tests.
package talktest
