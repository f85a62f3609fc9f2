/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How much one source sends: a token bucket for each, told by the time at which it is
 * full again. */
#pragma once
#include "judge.h"
#include "tables.h"

#define TIME ((1ULL << 40) - 1)
#define MARK(h) ((h) >> 40 << 40)

static __always_inline struct setting *setting(struct meters *m)
{
	return &m->set[m->active & (SETTINGS - 1)];
}

/* What an entry has still to pay; what is more than a burst is of long ago. */
static __always_inline __u64 owed(__u64 entry, __u64 now, __u64 depth)
{
	__u64 left = (entry - now) & TIME;

	return left > depth ? 0 : left;
}

/* No entry owes more, whatever its limit: it may be another one's than the asker's. */
#define MOST_DEPTH 0xffffffffULL

/* The entry of a line that may go: one that owes nothing says nothing, and else the one
 * that owes least. Whoever is over his limit stays known. */
static __always_inline __u32 poorest(struct line *l, __u64 now)
{
	__u64 least = owed(l->d[0], now, MOST_DEPTH);
	__u32 at = 0;

#pragma unroll
	for (int i = 1; i < 8; i++) {
		__u64 o = owed(l->d[i], now, MOST_DEPTH);

		if (o < least) {
			least = o;
			at = i;
		}
	}
	return at;
}

/* Where a line has the source; 8: nowhere. */
static __always_inline __u32 entry_of(struct line *l, __u64 mark)
{
#pragma unroll
	for (int i = 0; i < 8; i++)
		if ((l->d[i] & ~TIME) == mark)
			return i;
	return 8;
}

/* Whether a source sends more than it may. Two processors that meter one source at the
 * same time may forget a packet of it. Not static: the verifier judges it by itself. */
__noinline int haechi_over(__u64 h, __u32 cost, __u32 depth)
{
	__u64 now = bpf_ktime_get_coarse_ns() >> UNIT, mark = MARK(h), left = 0;
	struct line *l = line_of(&haechi_meter, h & (METER_LINES - 1));
	__u32 at;

	if (!l)
		return 0;
	at = entry_of(l, mark);
	if (at < 8)
		left = owed(l->d[at & 7], now, depth);
	else
		at = poorest(l, now);
	if (left + cost > depth)
		return 1;
	*(volatile __u64 *)&l->d[at & 7] = mark | ((now + left + cost) & TIME);
	return 0;
}

/* What the hash of an IPv4 address, which is no /64 of IPv6, begins with. */
static __always_inline __u64 name4(__u32 a)
{
	return 0xffffULL << 32 | a;
}

/* A hash that nobody outside can foresee: the numbers are the machine's own. */
static __always_inline __u64 hash(struct meters *m, __u64 x)
{
	return mix((x ^ m->seed) * m->odd);
}
