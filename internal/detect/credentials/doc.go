// Package credentials finds factory passwords in use, and Telnet (stage 3, out-of-band):
// default_credentials, ATT&CK T1078.001, and T1110.001 while they are only tried. Rows B10
// and B11, capability C31.
//
// What it sees: logins whose user and password were read in clear (Telnet, FTP, mail, HTTP
// Basic) and are on a list of default ones. The sensor compares and forgets the password;
// the event's Type is "default:" and the list. Nothing here ever holds a password. Behind
// TLS and SSH nobody sees it, and nothing is told.
//
// Told are:
//
//   - A source that tries [Config.Attempts] such pairs within [Config.Window]: a worm, or
//     somebody at the door. Medium, and high when the source is outside, or is inside and
//     tries hosts outside, or tries several hosts; one step more if one of them lets it in.
//     One incident a source.
//   - A host of ours that lets such a pair in, one incident a host and protocol: its
//     password must be changed. Medium; high when the client came from outside. It asks
//     for no action, since there is nobody to act on.
//   - Telnet ([Telnet]): a host of ours speaks it, one low incident a host; medium when
//     somebody from outside logs in.
//
// What is no finding: one failed try; a scanner (by its role) that tries, though not the
// host that lets it in; hosts of others that let somebody in.
//
// Known false positives: a program that is set up with a factory password and refused
// tries it again and again. A person who tries three factory passwords on a printer does
// what a worm does.
//
// It promises bounded memory: [Config.Sources] sources of at most 2 KiB, [Config.Hosts]
// hosts of about 200 bytes beside their open incident, and what found no room is counted. It
// never decides and knows no clock but that of the events.
package credentials
