/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is more than usual: of one source while a stage holds, and of a crowd of strangers
 * at once. Whoever is known from before is asked for neither, and no source is remembered
 * as bad: what is over passes again as soon as it is paid. */
#pragma once
#include "meter.h"
#include "packet.h"

#define SECOND (1000000000ULL >> UNIT)
#define CROWD_LASTS (10 * SECOND)
#define COMES_AGAIN (60 * SECOND)

/* In a crowd: pings of one source, one a second and five at once; fragments, two of the
 * longest packets at once (45 each) and one a second. */
#define PING_COST SECOND
#define PING_DEPTH (5 * SECOND)
#define PIECE_COST (SECOND / 50)
#define PIECE_DEPTH (2 * SECOND)

static __always_inline int known(__u64 source)
{
	__u64 *until = bpf_map_lookup_elem(&haechi_known, &source);

	return until && bpf_ktime_get_boot_ns() < *until;
}

/* The source as one that is metered for something: it may be metered for several things. */
static __always_inline __u64 for_this(struct meters *m, __u64 source, __u32 what)
{
	return hash(m, hash(m, source) ^ what);
}

/* Whether the packet is for this machine, or for what it publishes; what it routes for
 * others is theirs. */
static __always_inline int ours(struct xdp_md *ctx, __u32 at)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv4 *v4 = data + (at & 63);
	struct ipv6 *v6 = data + (at & 63);
	struct bpf_fib_lookup q = {};
	long is;

	if ((void *)(v4 + 1) > end)
		return 0;
	q.ifindex = ctx->ingress_ifindex;
	if (v4->version_length >> 4 == 4) {
		q.family = 2; /* AF_INET */
		q.ipv4_src = v4->from;
		q.ipv4_dst = v4->to;
	} else {
		if ((void *)(v6 + 1) > end)
			return 0;
		q.family = 10; /* AF_INET6 */
		__builtin_memcpy(q.ipv6_src, v6->from, 16);
		__builtin_memcpy(q.ipv6_dst, v6->to, 16);
	}
	is = bpf_fib_lookup(ctx, &q, sizeof(q), 0);
	return is == BPF_FIB_LKUP_RET_NOT_FWDED || is == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* Whether more comes together than may, or did within the last seconds. Two processors
 * that meet here may forget a packet. */
static __always_inline int crowd_of(__u32 of, struct rate *r)
{
	__u64 now = bpf_ktime_get_coarse_ns() >> UNIT, paid;
	struct line *l = line_of(&haechi_crowd, 0);

	if (!l)
		return 0;
	paid = *(volatile __u64 *)&l->d[of];
	if (paid < now)
		*(volatile __u64 *)&l->d[of] = now + r->cost;
	else if (paid - now + r->cost > r->depth)
		*(volatile __u64 *)&l->d[of + CROWDS] = now + CROWD_LASTS;
	else
		__sync_fetch_and_add(&l->d[of], r->cost);
	return *(volatile __u64 *)&l->d[of + CROWDS] > now;
}

/* Whether a source comes for the first time within a minute, or sends more than it may.
 * Sources that are made up seldom come twice; somebody real does. What is new owes as if
 * it had come, so that the oldest of a line goes first. Not static: the verifier judges it
 * by itself. */
__noinline int haechi_newcomer(__u64 h, __u32 cost, __u32 depth)
{
	__u64 now = bpf_ktime_get_coarse_ns() >> UNIT, mark = MARK(h), left;
	struct line *l = line_of(&haechi_meter, h & (METER_LINES - 1));
	__u32 at;

	if (!l)
		return 0;
	at = entry_of(l, mark);
	if (at == 8) {
		*(volatile __u64 *)&l->d[poorest(l, now) & 7] = mark | ((now + cost) & TIME);
		return 1;
	}
	left = owed(l->d[at & 7], now, depth);
	if (!left && ((now - l->d[at & 7]) & TIME) > COMES_AGAIN) {
		*(volatile __u64 *)&l->d[at & 7] = mark | ((now + cost) & TIME);
		return 1;
	}
	if (left + cost > depth)
		return 1;
	*(volatile __u64 *)&l->d[at & 7] = mark | ((now + left + cost) & TIME);
	return 0;
}

static __always_inline __u32 strict_syn(struct xdp_md *ctx, __u32 ip, struct meters *m, __u64 source)
{
	struct setting *s = setting(m);

	if (!(s->strict & BY_STAGE) || !(s->syn.depth | s->fresh.depth) || known(source) || !ours(ctx, ip))
		return COUNTED;
	if (s->syn.depth && haechi_over(for_this(m, source, BY_SYN), s->syn.cost, s->syn.depth))
		return BY_SYN;
	if (s->fresh.depth && haechi_over(for_this(m, source, BY_NEW), s->fresh.cost, s->fresh.depth))
		return BY_NEW;
	return COUNTED;
}

/* Whether that is a ping: 1; its answer: 2. */
static __always_inline int ping(struct xdp_md *ctx, __u32 at)
{
	__u8 *type = (void *)(long)ctx->data + (at & 2047);

	if ((void *)(type + 1) > (void *)(long)ctx->data_end)
		return 0;
	return *type == 8 || *type == 128 ? 1 : *type == 0 || *type == 129 ? 2 : 0;
}

static __always_inline __u32 strict_ping(struct xdp_md *ctx, __u32 ip, __u32 at, struct meters *m, __u64 source)
{
	struct setting *s = setting(m);
	int is = ping(ctx, at);

	if (!is || !ours(ctx, ip))
		return COUNTED;
	if (is == 1 && s->echo.depth && haechi_over(for_this(m, source, BY_ECHO), s->echo.cost, s->echo.depth))
		return BY_ECHO;
	if (!s->pings.depth || !crowd_of(PINGS, &s->pings) || known(source) || !haechi_newcomer(for_this(m, source, BY_PINGS), PING_COST, PING_DEPTH))
		return COUNTED;
	return s->crowd == DROP ? BY_PINGS : WATCHED_PINGS;
}

static __always_inline __u32 strict_piece(struct xdp_md *ctx, __u32 ip, struct meters *m, __u64 source)
{
	struct setting *s = setting(m);

	if (!s->pieces.depth || !ours(ctx, ip) || !crowd_of(PIECES, &s->pieces) || known(source) ||
	    !haechi_newcomer(for_this(m, source, BY_FRAGMENTS), PIECE_COST, PIECE_DEPTH))
		return COUNTED;
	return s->crowd == DROP ? BY_FRAGMENTS : WATCHED_FRAGMENTS;
}

/* Why a packet is dropped, or would be; COUNTED: for nothing. class is of one that is
 * whole, or FRAGMENT. Not static, likewise. */
__noinline int haechi_strict(struct xdp_md *ctx, __u32 ip, __u32 at, __u32 class, __u64 source)
{
	__u32 zero = 0;
	struct meters *m = bpf_map_lookup_elem(&haechi_meters, &zero);

	if (!m)
		return COUNTED;
	if (class == SYN)
		return strict_syn(ctx, ip, m, source);
	if (class == ICMP)
		return strict_ping(ctx, ip, at, m, source);
	return class == FRAGMENT ? strict_piece(ctx, ip, m, source) : COUNTED;
}
