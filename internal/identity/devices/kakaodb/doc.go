// Package kakaodb reads the database of an existing bot system (stage 2): its
// kb_bot_devices as the outer registry of device services, and the ports of its
// running servers from kb_server_processes.
//
// The tables are somebody else's, and installations differ: the columns are looked
// up in information_schema at the start, once a minute and whenever a statement no
// longer fits. Needed are bot_name, device_id and status; everything else is used
// where it is there.
//
// It promises that
//   - what the database's collation takes for equal does not count: rows are read
//     whole and compared byte for byte elsewhere, in memory; a status counts only
//     if it is written exactly so, and any other closes;
//   - it changes and deletes no row, ever; it adds pending ones only when told to,
//     and otherwise its sessions are read-only by the server's own word;
//   - what it reads is bounded in rows, sizes and time, with counters.
//
// It never decides who is approved while the database is silent: that is the
// registry's. It prints no DSN and no password.
package kakaodb
