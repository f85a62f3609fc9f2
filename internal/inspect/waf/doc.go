// Package waf judges HTTP requests with their bodies by the OWASP Core Rule Set and
// rules of one's own (stage 3, in-band).
//
// An [Engine] evaluates a neutral [View] of a request and says which rules matched
// what; [Oracle] is the one that asks Coraza. A [Waf] turns that into a verdict by the
// mode, threshold and exceptions of the service and route. Exceptions and thresholds
// are applied to the hits and not compiled into the rules, so that a preview or replay
// of recorded hits uses the same code as a live request.
//
// It promises that the same request, rules and policy give the same verdict; that a
// body is judged whole, or refused, or judged in part only where the operator chose
// that; and that hits hold names of variables and never values. It never keeps a
// request, and never bans.
//
// The answers of the servers behind are judged by rules of their own (type [Answers]):
// words of the rules clear most, Coraza judges the others. What is found there is about
// the server and never held against who asked.
package waf
