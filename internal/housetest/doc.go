// Package housetest holds the tests that keep the house of docs/architecture.md:
// import directions, one importing package for each dependency, package and name
// docs, budgets for files, functions and interfaces, and the things nobody may do
// (init registration, mutable package variables, contexts in structs, sleeping
// tests).
//
// It belongs to no stage. It promises that a rule of the house is either checked
// here or not called a rule. It never runs code of the project: it reads the
// source.
package housetest
