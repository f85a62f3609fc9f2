// Package netnstest makes network namespaces for tests and benchmarks that need the
// real kernel (a brick without a stage: a harness, imported by tests only).
//
// It promises namespaces that only the test knows, joined by links that lead nowhere
// else, which are gone with the test: whatever is sent in them reaches nobody, and
// whatever is changed in their packet filter is nobody else's. What is pinned lies in a file
// system of the test's own.
//
// It never changes the namespace that the test was started in. Without root, or
// without the packages iproute2 and nftables, it skips, except under CI, where it
// fails.
package netnstest
