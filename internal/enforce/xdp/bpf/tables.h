/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The tables: what user space writes and the program reads. ../layout.go has the same
 * layouts in Go. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MOST_HELD 262144 /* decisions of one family; user space refuses before */
#define MOST_KEPT 16384  /* protected prefixes of one family */
#define MOST_LENGTHS 129

/* An address cut to its prefix length, and that length. IPv4: in host order. */
struct key4 {
	__u32 addr;
	__u32 bits;
};

struct key6 {
	__u64 high, low; /* in host order */
	__u32 bits;
	__u32 zero;
};

/* A decision in force. */
struct held {
	__u64 until; /* of CLOCK_BOOTTIME, in ns; 0: endless */
	__u64 packets, bytes;
};

/* The prefix lengths in use: of what is kept and what is held, IPv4 and IPv6. */
enum { KEPT4, HELD4, KEPT6, HELD6, KINDS };

struct control {
	__u32 count[KINDS];
	__u32 wide6; /* some IPv6 prefix is shorter than a hint covers */
	__u8 bits[KINDS][MOST_LENGTHS + 3];
};

/* 64 bytes, one line of the processor's cache. */
struct line {
	union {
		__u32 w[16];
		__u64 d[8];
	};
};

#define PINNED __uint(pinning, LIBBPF_PIN_BY_NAME)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
	PINNED;
} haechi_control SEC(".maps");

#define TABLE(name, k, v, n)                      \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_HASH);  \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__uint(max_entries, n);           \
		__type(key, k);                   \
		__type(value, v);                 \
		PINNED;                           \
	} name SEC(".maps")

TABLE(haechi_kept4, struct key4, __u8, MOST_KEPT);
TABLE(haechi_kept6, struct key6, __u8, MOST_KEPT);
TABLE(haechi_held4, struct key4, struct held, MOST_HELD);
TABLE(haechi_held6, struct key6, struct held, MOST_HELD);

/* Hints: one bit a /24 of IPv4, and one bit for a hash of a /48 of IPv6. Where it is not
 * set, nothing is kept or held, and no table is asked. One that is set in vain costs
 * time only. Behind them one bit for each 64 of them, set if any of those is: that is
 * 32 KiB, which stay in the processor's cache, where the hints themselves do not. */
#define HINT_LINES 32768
#define HINT_SUMS (HINT_LINES / 64)
#define HINTS(name)                               \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, HINT_LINES + HINT_SUMS); \
		__type(key, __u32);               \
		__type(value, struct line);       \
		PINNED;                           \
	} name SEC(".maps")

HINTS(haechi_hint4);
HINTS(haechi_hint6);

/* The deny list: one generation at a time. A generation is an array of lines:
 *   0            magic, number of IPv6 tables, prefixes of IPv4, of IPv6
 *   1..63        one IPv6 table each: bits, first line, lines - 1, has the prefix of
 *                zeros, and in d[2] a number that the hash begins with
 *   64..4159     a word for each /16 of IPv4: 0 nothing, 1 all of it, else the first
 *                line of its page
 *   a page       16 lines, a word for each /24: 0 nothing, 1 all of it, with FEW the
 *                last bytes of up to three addresses (of fewer, some twice), else the
 *                number of half a line with a bit for each address
 *   IPv6 tables  buckets of a line: eight prefixes up to /64, or four longer ones */
#define LIST_MAGIC 0x48415831
#define LIST_TOP 64
#define LIST_FEW 0x80000000U
#define LIST_TABLES 63
#define LIST_PROBES 8

struct generation {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, LIST_TOP);
	__type(key, __u32);
	__type(value, struct line);
};

/* In the first place all lists together, by which is judged; behind it the second list by
 * itself, and so on, without a gap: who is dropped is counted for the first of those that
 * has him, or else for the first list. */
#define MOST_LISTS 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MOST_LISTS);
	__type(key, __u32);
	PINNED;
	__array(values, struct generation);
} haechi_list SEC(".maps");

/* What was dropped, for each processor; behind it what would have been, in mode WATCH. */
enum {
	BY_DECISION, BY_LIST, MALFORMED, TINY, OVERSIZED, SMURF, BY_RATE, UNASKED, BY_SYN, BY_NEW, BY_ECHO, BY_PINGS, BY_FRAGMENTS,
	REASONS, WATCHED_RATE = REASONS, WATCHED_UNASKED, WATCHED_PINGS, WATCHED_FRAGMENTS, ANSWERED, COUNTED
};

struct count {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTED);
	__type(key, __u32);
	__type(value, struct count);
	PINNED;
} haechi_dropped SEC(".maps");

/* What was dropped of each list, for each processor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MOST_LISTS);
	__type(key, __u32);
	__type(value, struct count);
	PINNED;
} haechi_listed SEC(".maps");

/* What came in, for each processor and interface. Each packet is of one class: of UDP from
 * a port that answers strangers, of that port's. */
enum {
	DENIED, TCP, SYN, UDP, ICMP, FRAGMENT, OTHER, ALIEN,
	FROM_QOTD, FROM_CHARGEN, FROM_DNS, FROM_PORTMAP, FROM_NTP, FROM_NETBIOS, FROM_SNMP, FROM_CLDAP, FROM_RIP,
	FROM_SSDP, FROM_ARD, FROM_WSD, FROM_MDNS, FROM_COAP, FROM_MEMCACHED, FROM_QUAKE, FROM_DVR,
	MOST_CLASSES = 32
};

struct came {
	struct count class[MOST_CLASSES];
};

#define MOST_INTERFACES 16 /* of which the last is all others */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MOST_INTERFACES);
	__type(key, __u32);
	__type(value, struct came);
	PINNED;
} haechi_came SEC(".maps");

/* How the meters are set: user space writes a setting that is not in use, and then which
 * one is. Times are in units of 64 ns. */
enum mode { OFF, WATCH, DROP };

#define UNIT 6 /* bits of a ns */
#define SETTINGS 4

struct rate {
	__u32 cost, depth; /* of a packet, and of a burst; depth 0: no limit */
};

/* What is looked at more strictly: by a stage, for one source; in a crowd, for all. */
enum { BY_STAGE = 1, IN_CROWD = 2 };

struct setting {
	__u32 cost, depth; /* of a packet of one source, and of its burst */
	__u32 rate;        /* mode of the limit by source */
	__u32 unasked;     /* mode of the filter of answers, and since when */
	__u64 since;
	__u32 open_cost, open_depth; /* of a connection that opens at one door; 0: no limit */
	struct rate syn, fresh, echo; /* of one source, while a stage holds */
	struct rate pings, pieces;    /* of all strangers together, before each is asked to come again */
	__u32 strict;                 /* BY_STAGE, IN_CROWD */
	__u32 crowd;                  /* mode of the latter */
};

struct meters {
	__u64 seed, odd; /* of hashes: nobody can choose sources that meet */
	__u32 active, zero;
	__u32 index[MOST_INTERFACES]; /* of the interfaces counted apart; 0: no more */
	struct setting set[SETTINGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct meters);
	PINNED;
} haechi_meters SEC(".maps");

/* The meter of each source: a line of eight, each 24 bits of the hash and, in the lower 40,
 * the time at which the source has nothing left to pay. */
#define METER_LINES 262144

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* begins at a line of the cache */
	__uint(max_entries, METER_LINES);
	__type(key, __u32);
	__type(value, struct line);
	PINNED;
} haechi_meter SEC(".maps");

/* Sources that no stage asks for more, until when: of CLOCK_BOOTTIME, in ns. */
#define MOST_KNOWN 131072

TABLE(haechi_known, __u64, __u64, MOST_KNOWN);

/* How much comes together: for pings and fragments, when all that came is paid, and behind
 * it until when there is a crowd. */
enum { PINGS, PIECES, CROWDS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct line);
	PINNED;
} haechi_crowd SEC(".maps");

/* What was asked: lines like those of the meter, with the time of the question. */
#define ASKED_LINES 32768

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ASKED_LINES);
	__type(key, __u32);
	__type(value, struct line);
	PINNED;
} haechi_asked SEC(".maps");

/* Who sends most, by a sample of one packet in 64: lines of four prefixes. */
#define TOP_LINES 1024
#define SAMPLE 6 /* bits */

struct most {
	__u64 prefix;      /* a /24 with the bit of IPv4, or a /48 */
	__u32 count, over; /* over: what count may have of others that were here before */
};

struct mosts {
	struct most of[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TOP_LINES);
	__type(key, __u32);
	__type(value, struct mosts);
	PINNED;
} haechi_top SEC(".maps");
