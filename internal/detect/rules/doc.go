// Package rules runs detection rules that are data: YAML files that say what to
// count, by whom, over which window, and from which number on it is worth a
// finding (stage 3, out-of-band). The shipped ones are in the folder rules/ of the
// repository.
//
// A rule is one file, NAME.yaml, and its id is its path without the ending:
//
//	id: auth/brute-force        # required, as the path
//	version: 1                  # counts its changes
//	title: { en: …, ko: … }     # one line each
//	about: …                    # why it is there, and why these numbers
//	pattern: …                  # the source documents' name, if they have one
//	kinds: [auth]               # which events it looks at
//	outcome: failure            # success, failure or unknown; left out: any
//	match: event.reason == '…'  # CEL over the event, see below; left out: all
//	group: client               # client, device, actor, service or global
//	aggregate: count            # count, changes(F), distinct(F), sum(F), ratio(failure)
//	window: 10m                 # sliding, 1s to 24h
//	threshold: 10               # 10 are allowed, the 11th fires
//	min: 20                     # for ratio: at least so many events
//	hours: "02:00-06:00"        # half-open, in the zone; only events within count
//	zone: Asia/Seoul            # left out: the gateway's
//	severity: high              # info, low, medium, high, critical
//	technique: T1110            # MITRE ATT&CK
//	score: 60                   # what a finding adds to the actor's score
//	action: deny                # what the rule itself asks for; left out: nothing
//	for: 1h                     # and for how long
//	mode: shadow                # off, shadow or enforce
//	spoofable: false            # true: events of unproved addresses count as well
//	cooldown: 10m               # left out: the window
//	examples: { must_fire: […], must_not_fire: […] }
//
// A file that names a detector has its parameters in place of what says how to count
// (kinds to cooldown) and of examples, which are scenarios beside the detector:
//
//	detector: port_scan         # code that app knows
//	sentence: { en: …, ko: … }  # explains a finding, with places: "{source} tried {ports} ports"
//	parameters: { window: 60s, ports: 10, share: 80%, volume: 100MiB }
//
// A parameter is a field of the detector's Config in snake case, and is read as
// strictly as the rest: unknown names, wrong units and values out of range are errors
// with their lines. [Set.Named] hands rule and parameters to app, which makes the
// detector; [Set.Sentence] explains what it found.
//
// Who is counted. A device is only ever counted once it is authenticated, and what
// it does then is never held against its address (group client skips it; group
// actor counts the device). A claim is counted against the address that makes it.
// An address is counted only if it completed a handshake, unless the rule says
// spoofable, and then its findings say so too. Groups service and global see
// roll-ups: one event for each second, service, kind, outcome and reason; their
// match can use no other field than these and the flags provoked and shadow.
//
// When it fires. The first time that the value exceeds the threshold, and then at
// most once a cooldown while it still does, with the value it has then. A rule
// with hours fires once a group and period.
//
// The expression is checked for types and cost when it is loaded; it has no loops,
// so that an evaluation is bounded by the length of the event's texts.
//
// The package promises errors with file and line, all of them at once; that memory
// is bounded for each rule (a table that is full counts what it refuses); that
// [Set.Check] proves every rule against its own examples, and every threshold at
// N-1, N and N+1. It reads no clock and starts no goroutine. It never decides.
package rules
