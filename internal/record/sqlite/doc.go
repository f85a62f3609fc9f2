// Package sqlite keeps the records in SQLite (stage 6): two files with a writer
// each. state.db holds what must not be lost (devices, their keys, decisions, the
// audit log, settings; synchronous FULL), events.db what happened (WAL, synchronous
// NORMAL, written in batches).
//
// It promises that a save in state.db is durable when it returns, that every event
// is written once and found again under the name the source documents gave its
// table, and that a database it did not make, or one of a newer version, is left
// alone. It never stores a message body.
//
// Where an event lies: a device's frames and its failed authentications in
// kb_chat_logs, connections and failed handshakes in kb_connection_logs, database
// queries in kb_query_logs, findings in kb_suspicious_activities, all else in
// events, or, if nobody will ask about it (sqlrows has the rule), packed with others of
// its minute into a row of event_blocks. The time index is on created_at, so that the
// documents' own queries use it. There is no index on device, address or reference: each would cost as much time
// as the row itself. Instead the table seen says in which minutes a device, address or
// reference occurs, one row a minute however many events, and a query reads those
// minutes only.
//
// kb_bot_devices is a copy of the registry for the documents' views to join. A status
// that somebody writes there by hand is told by HandChanges and is not overwritten
// until it is settled.
//
// A kill loses at most the events of the last flush. Power loss may also lose the
// last transactions of events.db, never those of state.db.
package sqlite
