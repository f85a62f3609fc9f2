// Package browser drives the console in a real browser, Debian's Chromium (its headless
// shell), against the whole gateway with the sample bot server, the sample shop and
// phones around it. It is a harness outside the stages and holds tests only.
//
// It promises that the console does for a person what its packages promise to
// tests of their own: the login, the live numbers and stream, approving, blocking,
// lifting and undoing, both languages, both colour schemes, wide and narrow; that
// no page complains or violates its policy; and that text chosen by an attacker
// stays text. It also takes the pictures of the README:
//
//	go test ./test/browser -run TestPictures -pictures ../../docs/images -play 75s
//
// It never leaves loopback. Without Chromium its tests are skipped, in CI they fail.
package browser
