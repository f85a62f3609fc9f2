// Package audit checks the audit log (stage 6): that its hash chain is whole from
// the first entry to the head.
//
// It promises to name the first entry that was changed, removed, put in or moved,
// and to notice a log whose end was cut off. It cannot tell a chain that somebody
// with write access to the database rebuilt from its start, unless a head noted
// elsewhere is given to it. It never changes anything.
package audit
