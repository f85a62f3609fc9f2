// Package alert tells people about incidents (stage 7): one alert when an incident
// opens, an update when it grows in severity, an all-clear when it ends, and one
// digest instead of many alerts in a flood. The Dispatcher groups, queues and
// retries; a Channel delivers one update.
//
// It promises that taking an incident never blocks, that every queue is bounded
// and counts what it dropped, that one channel that hangs does not hold up
// another, and that neither a log line nor an error holds the address of a
// channel, which is a secret. A channel that fails fails open: nothing else waits
// for it.
//
// It never alerts about single events, never follows a redirect, and never
// decides.
package alert
