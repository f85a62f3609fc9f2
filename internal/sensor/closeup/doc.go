// Package closeup keeps the newest packets of hosts that are watched closely (stage 1,
// passive): for a grave incident about a host, a ring in memory takes what the live
// sensor sees of it, to and fro, for some time.
//
// It promises bounds: [Config.Hosts] hosts, each with [Config.Ring] bytes, of a packet the
// first [MostOfPacket]; where there is room for no more, the one whose time ends first
// makes way. What no host is watched for costs a load of one word. It writes nothing
// anywhere but where it is told to ([Keeper.Write]), keeps nothing that came before the
// incident, and never decides.
package closeup
