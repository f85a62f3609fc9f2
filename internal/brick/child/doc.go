// Package child runs another program beside this one: as a user with fewer rights, until
// it is told to end, and again when it dies (a brick, outside the stages). Only Linux is
// known.
//
// It promises that the program is asked to end (SIGTERM) when the context ends and when
// this process dies, however that happens; that one that does not end in time is killed;
// and that one that keeps dying is started ever more seldom.
//
// It never decides who the program is, what it may, or whether it is needed.
package child
