// Package identity understands who a peer is (stage 2). Its child folders:
// devices keeps the registry and its keys, signature proves claims, clientip
// resolves addresses.
//
// It promises that a key's secret is never formatted, logged or encoded. It
// never decides what an identity may do.
package identity
