// Package login understands dialogues in which somebody logs in, and tells of each attempt
// with its user and outcome: SSH, RDP, VNC, Telnet, FTP, SMTP, POP3, IMAP, MySQL,
// PostgreSQL, Redis. A child of sensor/talk in stage 1.
//
// It promises one event an attempt, and an outcome only where the server gave one. It
// keeps no password: a pair is shown once to whoever knows lists of default ones.
package login
