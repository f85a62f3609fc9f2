// Package api is the JSON interface of a running gateway (stage 7), under
// /api/v1. The console mounts it behind its sessions, and the local socket
// serves it to the command line, whose typed client is here as well.
//
// It promises strict and bounded input, errors as {"error":{kind,message,hint}}
// with a status that follows from the error's kind, and that every change names
// the operator that [Deps].Operator found. It never authenticates anybody
// itself, and never lets the text of an internal error out.
package api
