// Package banlist reads who other programs ban (beside the stages; used by the command
// line): the answers of fail2ban-client, the decisions of CrowdSec as cscli prints them,
// and plain lists of addresses and networks with an optional time each.
//
// It promises to read strictly: input, entries and lines are bounded, and a line that
// cannot be read is an error that names it, so that a list is taken as it was meant or not
// at all. What it understands and has no use for (captchas, countries, what has ended) is
// counted. It never looks a name up and changes nothing.
package banlist
