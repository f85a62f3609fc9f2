// Package show is where the gateway shows itself to people and machines (stage
// 7). Its child folders: console is the pages and the live stream, api the JSON
// interface and its client, telemetry the metrics, catalogue the one list of
// texts in both languages.
//
// It promises that every number names its window, that an action asks the same
// control whether it comes from a page or from the command line, and that text
// chosen by a peer stays text. It never decides and never enforces: it asks.
package show
