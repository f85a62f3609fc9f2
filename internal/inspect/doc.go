// Package inspect is where one connection, request or message is judged while its
// peer waits (stage 3, in-band). The inspectors are its child folders; each answers
// a haechi.Request with a haechi.Verdict.
//
// An inspector promises to answer within its stated budget, to keep nothing of the
// request, and to leave an actor alone that is on the allow list. It never does
// I/O, never bans, and never writes state outside itself: durable rulings are made
// by decide.
package inspect
