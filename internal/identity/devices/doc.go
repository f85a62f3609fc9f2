// Package devices is the registry of devices and their keys (stage 2): who is
// pending, who an administrator approved, and with which keys each may sign.
//
// It promises that
//   - device keys are compared byte for byte: "loa.i" is not "LOA.i";
//   - an unknown device becomes pending and nothing else; only an operator moves
//     it on; the queue of pending devices is capped, for each client as well;
//   - lookups and keys are answered from memory, without a lock that a writer
//     holds while it writes;
//   - a change of status or key is durable before it is acknowledged or acted on;
//   - a device that is not approved has no keys in force.
//
// When the store fails, the last known approvals hold for Config.Grace (15
// minutes) and then close: nobody is approved because the store is unknown. The
// clock of that starts with the first call of the store that failed or did not
// return, and any answer of the store ends it. While Run runs, the store is asked
// every Config.Probe, so that a silent failure is noticed as well.
//
// It never prints, logs or returns a secret, save once from NewKey.
package devices
