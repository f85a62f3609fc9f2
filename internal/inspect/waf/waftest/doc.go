// Package waftest holds the regression tests of the Core Rule Set as requests with what
// is expected of them (stage 3, for tests). They come with the rules, as embedded files.
//
// It promises every test of a request that the files hold, in order of their names, as a
// neutral view and as the bytes of an HTTP/1.1 request. It never runs an engine, and it
// leaves out the tests of answers, which nothing here inspects.
package waftest
