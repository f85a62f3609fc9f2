// Package haechi is the dictionary of the gateway: the nouns that every stage
// speaks, and nothing else.
//
// It stands before all stages. It promises plain values that can be copied,
// compared and encoded; its JSON names follow the Elastic Common Schema where
// that has a name. It never does I/O, starts a goroutine, reads a clock or
// imports anything but the standard library.
//
// The story the words tell: an [Event] is observed about an [Actor]; an
// inspector answers it in-band with a [Verdict]; a detector turns many events
// into a [Finding]; findings become a [Decision] about a [Scope]; what belongs
// together is an [Incident]; and every refusal carries a [Reference] by which
// it can be explained.
package haechi
