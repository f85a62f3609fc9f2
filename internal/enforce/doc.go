// Package enforce puts decisions into force (stage 5) and keeps what is shown
// equal to what is enforced: the reconciler compares what should be in force with
// what each enforcer reads back, repairs the difference and counts it. The
// enforcers are its child folders.
//
// It never decides.
package enforce
