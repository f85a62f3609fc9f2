// Package record keeps what happened (stage 6): the port that every store
// implements, and the writer that batches events into it without ever holding up
// traffic. The stores are its child folders; storetest is the conformance suite
// that each must pass; audit is the hash chain.
//
// It promises that decisions and audit entries are durable before they are
// acknowledged, and that events are counted even when they cannot be kept. It
// never stores a message body, a key or a signature.
package record
