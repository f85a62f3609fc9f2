// Package catalogue is the one list of texts that people read on the console and
// the command line (stage 7), in English and Korean. Every reason, status,
// action, mode, severity, kind, outcome, origin and assurance of the dictionary
// has a text in both.
//
// It promises that both languages know the same keys with the same placeholders.
// It never holds what a program reads: codes stay codes, and no code compares a text.
package catalogue
