// Package access admits clients to a service by address (stage 3, in-band).
//
// A service has an allow list, a deny list, both or neither. Allow alone: only
// these come in. Deny alone: all but these. Both: the deny list applies except
// where the allow list matches, so allow beats deny here as everywhere.
//
// It promises a verdict of two lookups and, for a client that passes, no
// allocation. It never judges an actor on the gateway's own allow list, and it
// never learns: the lists are those of the configuration.
package access
