// Package web understands HTTP/1, Windows Remote Management in it, and passes the
// greetings of proxies (CONNECT, SOCKS). A child of sensor/talk in stage 1.
//
// It promises to read leniently, as servers do, within bounds. It keeps no body, cookie,
// query or secret.
package web
