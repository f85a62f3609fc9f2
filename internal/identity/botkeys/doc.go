// Package botkeys holds the keys of a file: those of bots, each with the devices that
// may use them, or one set for all (stage 2). The file has the shape of kkobot's own
// auth_config.json, so that an installation keeps it; docs/profiles.md says which of
// its members count.
//
// It promises that
//   - a bot that the file does not name has no key, and a device that a bot's list does
//     not name may not use its key;
//   - what a list wants to know of a device counts only where the device signed it;
//   - asking for keys, and whether a device may use them, allocates nothing once it was
//     asked before, and never blocks;
//   - no error shows a secret.
//
// It never opens a file, and never decides about the registry's approval, which a device
// needs besides.
package botkeys
