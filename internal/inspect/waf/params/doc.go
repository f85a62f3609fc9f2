// Package params learns what each parameter of each route usually holds, and says when one
// holds something else (stage 3, in-band). It implements the WAF's port Context.
//
// What is learned: for a service, a route (the path with numbers, ids and the like as
// "{integer}", "{slug}") and a parameter's name, how many values of which [Kind] came, of
// how many networks, since when and how long. Parameters are those of the query, of forms
// and the scalars of JSON; files and cookies are not looked at. Values are never kept.
//
// From whom: requests in which the rules found nothing and that the server behind
// answered without an error. Who counts is a network: an authenticated account, an address
// of a private network, else the IPv4 /24 or IPv6 /48, since one attacker has many
// addresses of such a network. A kind is known once it was seen [Config.Values] times, of
// [Config.Networks] networks, over [Config.Span]; a parameter says nothing before
// [Config.Settled] values over [Config.Warm]. So nobody alone can teach a kind, and nobody
// can take one away: only disuse does. If a quarter of the networks that use a parameter
// bring a new kind, the application has changed, and [Config.Changed] is enough.
//
// When it tells: a value that is wider than all known kinds of its parameter (see wider):
// text, a path or metacharacters where only numbers and ids were, metacharacters where
// only words, names and paths were. A parameter that holds free text tells nothing.
//
// Standing: who is authenticated, or was known for [Config.Known] by requests that teach,
// is told of and adds nothing to a score.
//
// It promises fixed memory ([Config.Parameters] of 512 bytes and their names, tenure of
// 65,536 clients), that a flood of new names replaces one another and never what several
// networks use, and no allocation for a request whose parameters are known. It reads no
// clock and starts no goroutine.
package params
