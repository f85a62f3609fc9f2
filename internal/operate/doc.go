// Package operate holds what a person does with the gateway: its child folders
// are the use cases. They belong to no stage and import only the root, bricks and
// the interfaces they declare themselves.
//
// It promises one implementation of each action, whichever way it is asked for.
// It never touches the kernel, a socket or a disk itself.
package operate
