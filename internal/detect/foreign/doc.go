// Package foreign takes over what another sensor found (stage 3, out-of-band):
// foreign_alert. The technique of ATT&CK is the one that the sensor's signature names, if
// it names one.
//
// What it sees: alerts, each with the id, the name and the category of the signature that
// fired, its severity, and the two ends. They come from Suricata's EVE.
//
// Told is one incident for a source and a category: at its first alert, when it has
// doubled, when it becomes more severe, and when it was quiet for [Config.Idle]. Its
// severity is that of the gravest alert, high at most. The newest alert is the evidence.
//
// What it never does: believe an address. A signature may have looked at one packet, which
// anybody can send, and a line of a log is what somebody says. Every finding is Spoofable,
// so that nobody is decided about; and it asks for no action.
//
// Of each severity at most [Config.Incidents] begin in an hour. What more sources do is one
// incident of that severity about none of them, so that who forges sources makes neither
// a thousand incidents nor, with small matters, room for a grave one.
//
// What is no finding: what the site's scanners (by their role) set off.
//
// Known false positives: those of the sensor's signatures. Which of them are worth an
// alert is said there (threshold.config, disable.conf), not here. A signature that looks
// at a server's answer names the server as the source, unless it says which end attacks.
//
// It promises bounded memory: [Config.Sources] pairs of a source and a category, of at
// most 2 KiB each; what found no room is counted. It allocates nothing for an alert of an
// incident that is known, and knows no clock but that of the events.
package foreign
