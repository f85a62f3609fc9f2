// Package windows understands what Windows hosts do on each other: SMB with its shares,
// files and logins, DCE/RPC through pipes and TCP, Kerberos, and LDAP. A child of
// sensor/talk in stage 1.
//
// It promises one event a call, named as its protocol document names it. It keeps no
// content of a file and no argument but a name.
package windows
