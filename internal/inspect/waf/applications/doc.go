// Package applications knows what forms of common applications hold that rules of the
// Core Rule Set take for attacks (stage 3, in-band): texts with HTML, SQL and passwords,
// each by path and parameter, with the reason why it may be left out.
//
// It promises exceptions that take classes of rules out of the score for one parameter at
// one path, and no more: other parameters, logins' names and searches are judged as
// before, which its tests hold. It never takes a rule away, and knows no plugin of an
// application.
package applications
