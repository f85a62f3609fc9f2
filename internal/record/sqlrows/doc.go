// Package sqlrows is how the records lie in tables of SQL, whichever the database
// (stage 6): which event goes into which table, how its fields become columns and come
// back, how ordinary events are packed into blocks, what the overview, the reports and
// forgetting ask. The drivers embed its Store and give it their connections, their
// schema and a [Dialect].
//
// It promises that two databases that have the same tables answer alike: the
// conformance suite runs over each driver. A driver adds how to connect, the schema
// with its migrations, the views, and what its backup is.
//
// It never opens a connection, makes a table or names a driver.
package sqlrows
