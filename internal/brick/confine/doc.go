// Package confine takes from the running process what it does not need any more (a brick,
// outside the stages): capabilities, files and networks by Landlock, system calls by
// seccomp. Only Linux on amd64 and arm64 is known; elsewhere nothing is taken.
//
// It promises that what is taken is taken from every thread, now and later, and cannot be
// had again; that each layer says whether it holds; and that one that does not hold keeps
// none of the others back.
//
// It never ends the process, and never decides what a process needs: its caller does.
package confine
