// Package control is the one way to do everything: console, command line and API
// call it, and nothing else changes devices or decisions on a person's behalf
// (promise 9). It belongs to no stage.
//
// It promises that every change is in the audit chain before it takes effect, is
// durable before it is acknowledged, names its operator and reason, and can be
// undone. A change whose audit entry cannot be written does not happen. It never
// decides by itself and never shows a secret twice.
package control
