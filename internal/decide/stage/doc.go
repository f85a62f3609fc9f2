// Package stage decides how the whole gateway stands while a flood goes on (stage 4):
// watch, tighten, cookies, known, closed. It is a state machine of findings, times and
// what an operator says, and nothing else.
//
// Up: a flood asks for the stage that helps against its kind and is worth its severity:
// tighten at once; cookies, which harms nobody honest, once it is high; known only where
// [Config.Highest] says so, the flood still grows or is told again [Config.Step] after
// cookies, and the gateway has run for [Config.Settle], since before that nobody is known.
// Never closed: that is for operators.
//
// Down: by itself, a stage at a time, each after [Config.Calm] without a flood and without
// pressure, which is what the stage itself drops: a flood that is held does not look like
// one any more. Where floods follow one another the calm doubles, up to eightfold, and a
// flood within [Config.Remember] of the last one is answered by the stage that the last one
// had reached.
//
// An operator's stage holds for as long as it was set for, whatever floods ask for; then
// they are asked again. Releasing it ends what the present floods ask for as well: only a
// new one raises a stage again.
//
// It promises that the same calls with the same times give the same stages, that evidence
// that can be forged decides about nobody (a stage is about everybody alike), and bounded
// memory: 64 floods; more are refused and counted. It reads no clock, starts no goroutine,
// and puts nothing into force.
package stage
