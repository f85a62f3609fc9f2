// Package wsframe follows the frames that one side of a WebSocket sends (a brick, RFC
// 6455). It reads their headers strictly and never what they carry.
//
// It promises that what it finds does not depend on how the bytes come in pieces
// (FuzzStream), that it holds no byte and allocates nothing, and that a fault is said at the
// first byte that shows it, so that nothing from there on need be passed on.
//
// It never unmasks, decompresses or reads a payload: that text is UTF-8 and what a close
// frame says is for the server behind. Extensions may use reserved bits and opcodes as far
// as its owner says that they were agreed on.
package wsframe
