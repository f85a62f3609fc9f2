// Package logtail follows files of logs as they grow (stage 1, passive): it hands over
// each line once, in the order of the file, through rotation and restarts.
//
// A file is known by its device and inode, and by a sum of the bytes before the place up
// to which it was read. So a rename is followed through its descriptor, an inode that was
// used again is no continuation, and a file that was truncated is noticed also when it has
// grown beyond its old length. What a rotation moved away or copied (PATH.1, PATH-20260131)
// is found by that sum, and read to its end before what came after it. [Follower.State] is
// all of this as text for the next process.
//
// It is asked, not told: [Follower.Poll] looks at each path with one stat, which sees what
// notification of the kernel misses (network file systems, files that appear, directories
// that are exchanged) and needs no goroutine. Time is passed in.
//
// It promises: every line that was ended by a line feed is handed over exactly once, but
// for what was truncated away and copied nowhere (or copied before anything of it was
// read), and for lines over [Config.MaxLine], which are counted. A process that is killed reads again what it read since the state was
// last saved. Of a file that is first seen together with its path in the configuration only
// what is added counts; a file that appears later is read from its beginning. Memory is one
// buffer; files, descriptors and bytes for each poll are bounded and what was refused is
// counted. It follows regular files only, never waits, never writes, keeps no line, and
// does not read what was compressed.
package logtail
