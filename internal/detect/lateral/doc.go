// Package lateral finds one internal host working its way through others (stage 3,
// out-of-band): lateral_movement, ATT&CK TA0008.
//
// What it sees: calls of remote services (KindCall) and flows (KindFlow) from internal
// hosts to internal hosts. Two things are told:
//
//   - A call that lets one host run something on another, or takes a domain's secrets
//     (see calls.go, with the technique of each): a service or task made, a method run
//     through WMI, an object of a program activated and then used, an executable written
//     to an administrative share, a remote shell, directory replication, a Netlogon
//     credential of zeros, and tickets sealed with RC4 for more than [Config.Services]
//     services in [Config.Burst], to guess the passwords of their accounts at home
//     (Kerberoasting; services of machines do not count). How severe depends on how often administration does the same.
//   - A fan-out: more than [Config.Targets] hosts that this one had not talked to, in
//     [Config.Window] (rows B93, B104: 5 in 30 minutes), by services that move intruders
//     on (SMB, WinRM, RDP, SSH, WMI, databases), once each was answered.
//
// What is no finding: shares, printing, logons, group policy and questions about users;
// hosts whose role says that they do this (monitoring, backup, directory, admin, scanner);
// replication asked by a host that is seen to be a domain controller itself, and edges that
// have been there in the last [Config.Memory].
//
// Known misses: tickets that are asked for one by one over hours, or sealed with AES.
//
// Known false positives: whoever opens more than ten databases or sites at once whose
// accounts have no AES keys, without the role admin or monitoring; the first day of an administrator's new machine, and software
// distribution that the site has no role for. An incident is one actor; it grows by
// targets and by severity.
//
// It promises bounded memory: [Config.Actors] actors of about 600 bytes, as many
// callers of 1,100 and [Config.Edges]
// edges of about 100, and what found no room is counted. It never decides and knows no
// clock but that of the events.
package lateral
