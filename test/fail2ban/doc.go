// Package fail2ban tries deploy/fail2ban with the real fail2ban (a harness outside the
// stages, tests only): the filter against lines that the gateway's own code wrote, about
// peers that call themselves what they like, and the jail with its action against a
// running gateway.
//
// It promises that fail2ban runs with configuration, socket, database and logs of the
// test's own, is ended with it, and changes no packet filter: the only action is Haechi's.
// Without the Debian package fail2ban it skips, except under CI, where it fails.
package fail2ban
