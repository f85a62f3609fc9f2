// Package waftest holds the regression tests of the Core Rule Set as requests with what
// is expected of them (stage 3, for tests). They come with the rules, as embedded files.
//
// It also makes requests from a seed: those of people and their programs ([Benign]), and
// attacks ([Assault]).
//
// It promises every test of a request that the files hold, in order of their names, as a
// neutral view and as the bytes of an HTTP/1.1 request, and every test of an answer that says
// what the answer is. It never runs an engine.
package waftest
