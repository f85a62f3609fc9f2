// Package shield tests the kernel shield as a whole: the running gateway, or its parts
// wired as the gateway wires them, in network namespaces that the test makes (a harness
// outside the stages).
//
// It promises that what is said about the shield is measured with packets: how soon the
// first one is dropped, that none slips through a restart, that whoever is protected is
// never dropped.
//
// It never touches the packet filter of the machine that it runs on. It needs root; CI
// runs as root.
package shield
