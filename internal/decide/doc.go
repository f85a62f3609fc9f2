// Package decide turns findings into decisions (stage 4). A finding adds to the
// score of whoever it is about; scores decay; a ladder maps a score to an action;
// a rule may also ask for an action itself. Durations double on repetition and
// shrink again with good behaviour. Findings that belong together form an incident
// with a start, a peak and an end.
//
// In this order, the first that applies wins:
//
//  1. Allow: who is on the allow list is not scored, not counted, not acted on.
//  2. A finding about a whole service only ever makes an incident.
//  3. Spoofable evidence, and evidence without a completed handshake, leads to no
//     decision; an identity is acted on only when it is authenticated.
//  4. The narrowest scope that stops the harm: device, certificate, user,
//     fingerprint, address, prefix. Networks and countries are for operators.
//  5. Protected scopes (own addresses, trusted proxies, live console sessions) are
//     never acted on.
//  6. An address with several good devices behind it is at most throttled, and
//     briefly; if the finding names the device, step 4 has chosen the device.
//  7. What a detector of the network finds about a host of ours is at most watched:
//     cutting off a server is for whoever knows what it does.
//
// Other programs hand over decisions of their own (fail2ban, lists): see [Decider.Import].
// They are an operator's order, so the steps above that bound what rules may do do not
// hold for them, but allowed and protected scopes are refused all the same.
//
// There is at most one open decision for each scope, service, mode and origin: a
// rule's decision and an operator's stand beside each other, so that neither
// weakens the other, and a shadow decision never lends its strength to an
// enforced one. The enforcer applies the strongest.
//
// It promises that the same calls with the same times give the same decisions, and
// that every table is bounded and counts what it refused. It starts no goroutine,
// reads no clock, and neither stores nor enforces anything: it returns decisions,
// and the caller does that.
package decide
