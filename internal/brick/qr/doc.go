// Package qr draws a short text as a QR code (a brick): for a terminal with half
// blocks, and as the path of an SVG drawing. It promises a quiet zone of four
// modules on every side and the smallest code that holds the text with 15 percent
// to spare for damage (level M). It never writes anything and keeps nothing.
package qr
