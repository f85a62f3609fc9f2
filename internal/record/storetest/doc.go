// Package storetest is the conformance suite of the record stage (stage 6): what
// every store must do, whatever database it uses.
//
// It promises that two stores that pass it answer the console alike: they keep every
// field, find events by every filter, count alike in every view, and hold decisions,
// devices, keys, settings and the audit chain through a restart. It never looks
// behind the port.
package storetest
