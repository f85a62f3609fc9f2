// Package pagescan looks through the HTML of a page for what a browser would fetch
// or send without TLS, and for fields for passwords.
//
// It is a brick: no stage, no I/O, no state. It reads tags as browsers do (WHATWG
// HTML, 13.2.5): comments, the text of scripts, styles, titles and the like, and what
// is inert in a template are passed over. It promises one pass in time proportional
// to the page, whatever the page, and to find in the beginning of a page nothing that
// the whole would not have. It does not run scripts, decode character references or
// read style sheets, so it misses what only those lead to; it changes nothing.
package pagescan
