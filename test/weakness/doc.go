// Package weakness is a bot server of our own with the twelve weaknesses that the
// public one was found to have, and the tests that exploit each of them (a harness
// outside the stages, imported by tests only).
//
// The server was written from a description of the protocol and of what was found,
// to be wrong in the same places; nothing of it is a copy. A test first shows that
// the exploit succeeds through HAProxy, which passes bytes on, and then that the very
// same exploit fails through the real gateway: it is refused with a reference that
// `haechi why` resolves, or does nothing, and the server and its database are as
// before. The database is a real MariaDB; where the weakness is about approval, the
// gateway is tried with a registry of its own and with the server's own table.
//
//	 1  a frame without auth is obeyed                  TestFindings/01
//	 2  a wrong signature is logged, and obeyed         TestFindings/02
//	 3  a bare handshake takes a phone's place          TestFindings/03
//	 4  the clean-up after that approves everybody      TestFindings/04
//	 5  refused devices stay, and are written down      TestFindings/05
//	 6  an error of the database approves               TestFindings/06
//	 7  no database approves                            TestFindings/07
//	 8  the device that is asked about is not signed    TestFindings/08
//	 9  the message is not signed                       TestFindings/09
//	10  a change of status waits for a reconnect        TestFindings/10
//	11  the database takes loa.i for LOA.i              TestFindings/11
//	12  one wrong signature blocks a whole bot          TestFindings/12
//
// TestGuide types the commands of docs/guard-your-bot-servers.md.
//
// The server must never be reachable from anywhere: it listens on loopback only.
package weakness
