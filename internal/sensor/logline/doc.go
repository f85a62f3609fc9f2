// Package logline makes events of lines of logs (stage 1, passive): logins, requests, and
// what firewalls refused, by patterns that are data (rules/logs/*.yaml, and the operator's).
//
// A pattern says which lines it is about (the program of a syslog line, or none) and holds
// templates: literal text with places, "Failed password for {user} from {source} port
// {port} ssh2". A place takes one kind of text: {source} and {target} an address,
// {endpoint} and {target_endpoint} address:port, {port}, {target_port}, {status}, {bytes}
// and {number} digits, {word}, {method} and {transport} what has no blank, {quoted} what
// has no bare quote, {user}, {path}, {host}, {agent} and {any} any text.
//
// What a peer chose can hold anything, also what looks like the rest of the line. So a
// template is anchored at both ends, what stands before the first place of any text is read
// from the left, what stands behind the last from the right, and what stands between two
// such places must fit exactly once. A template by which a client that puts blanks where one
// word is expected could move the address is refused, unless its words are the server's. A line that can be read in two ways is counted as
// ambiguous and tells nothing: an attacker can hide a line of his own, and never write one
// about somebody else.
//
// The patterns that ship are checked by tests, those of an operator by their examples when
// they are loaded.
//
// Syslog (RFC 3164 with and without a year, RFC 5424), journald's export as JSON, the
// wrappers of Docker and CRI, the common log format with what nginx and Apache add, KEY=value
// lines of the kernel's firewall, and JSON by a map of fields are read as such; and so are
// the flows, names, hellos, requests, logins and alerts that Suricata (EVE) and Zeek tell of, the
// latter as JSON or in columns, by the head of the file ([Reader.In]).
//
// Which templates a message can fit is found in one pass over its beginning, by a tree of the
// texts that the templates of a program begin with. A header like that of the line before is
// not read again, and an event is made once for each template.
//
// It promises no allocation for a line of syslog that no template is about, bounds (a line
// of [MaxLine] bytes, texts of [MaxText]), and never keeps a line.
package logline
