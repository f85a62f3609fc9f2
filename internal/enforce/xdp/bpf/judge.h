/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Whether a source is kept from harm, held by a decision, or on the deny list. */
#pragma once
#include "tables.h"

enum verdict { UNKNOWN, KEPT, HELD, LISTED };

static __always_inline int in_force(struct xdp_md *ctx, struct held *h)
{
	if (!h || (h->until && bpf_ktime_get_boot_ns() >= h->until))
		return 0;
	__sync_fetch_and_add(&h->packets, 1);
	__sync_fetch_and_add(&h->bytes, bpf_xdp_get_buff_len(ctx));
	return 1;
}

static __always_inline struct line *line_of(void *map, __u32 i)
{
	return bpf_map_lookup_elem(map, &i);
}

static __always_inline struct control *control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&haechi_control, &zero);
}

/* One source on its way through the prefix lengths in use. */
struct look {
	struct xdp_md *ctx;
	struct control *c;
	__u64 high, low; /* IPv4: in high */
	__u32 place;     /* of a generation */
	int found;
};

/* Each of these is asked for one length, by bpf_loop, and ends the loop with 1. */
static long kept4(__u32 i, struct look *l)
{
	struct key4 k;

	k.bits = i < MOST_LENGTHS ? l->c->bits[KEPT4][i] : 0;
	k.addr = l->high & (__u32)(0xffffffffULL << (32 - (k.bits & 63)));
	l->found = bpf_map_lookup_elem(&haechi_kept4, &k) != 0;
	return l->found;
}

static long held4(__u32 i, struct look *l)
{
	struct key4 k;

	k.bits = i < MOST_LENGTHS ? l->c->bits[HELD4][i] : 0;
	k.addr = l->high & (__u32)(0xffffffffULL << (32 - (k.bits & 63)));
	l->found = in_force(l->ctx, bpf_map_lookup_elem(&haechi_held4, &k));
	return l->found;
}

static __always_inline void cut6(struct key6 *k, __u64 high, __u64 low, __u32 bits)
{
	k->bits = bits;
	k->zero = 0;
	k->high = bits >= 64 ? high : bits ? high & (~0ULL << ((64 - bits) & 63)) : 0;
	k->low = bits >= 128 ? low : bits > 64 ? low & (~0ULL << ((128 - bits) & 63)) : 0;
}

static long kept6(__u32 i, struct look *l)
{
	struct key6 k;

	cut6(&k, l->high, l->low, i < MOST_LENGTHS ? l->c->bits[KEPT6][i] : 0);
	l->found = bpf_map_lookup_elem(&haechi_kept6, &k) != 0;
	return l->found;
}

static long held6(__u32 i, struct look *l)
{
	struct key6 k;

	cut6(&k, l->high, l->low, i < MOST_LENGTHS ? l->c->bits[HELD6][i] : 0);
	l->found = in_force(l->ctx, bpf_map_lookup_elem(&haechi_held6, &k));
	return l->found;
}

static __noinline int named4(struct xdp_md *ctx, __u32 a)
{
	struct look l = {.ctx = ctx, .c = control(), .high = a};

	if (!l.c)
		return UNKNOWN;
	bpf_loop(l.c->count[KEPT4], kept4, &l, 0);
	if (l.found)
		return KEPT;
	bpf_loop(l.c->count[HELD4], held4, &l, 0);
	return l.found ? HELD : UNKNOWN;
}

static __noinline int named6(struct xdp_md *ctx, __u64 high, __u64 low)
{
	struct look l = {.ctx = ctx, .c = control(), .high = high, .low = low};

	if (!l.c)
		return UNKNOWN;
	bpf_loop(l.c->count[KEPT6], kept6, &l, 0);
	if (l.found)
		return KEPT;
	bpf_loop(l.c->count[HELD6], held6, &l, 0);
	return l.found ? HELD : UNKNOWN;
}

/* The finalizer of MurmurHash3, public domain. */
static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static __always_inline int hinted(void *map, __u32 bit)
{
	struct line *l = line_of(map, HINT_LINES + (bit >> 15 & (HINT_SUMS - 1)));

	if (!l || !(l->d[bit >> 12 & 7] >> (bit >> 6 & 63) & 1))
		return 0;
	l = line_of(map, bit >> 9 & (HINT_LINES - 1));
	return l && l->d[bit >> 6 & 7] >> (bit & 63) & 1;
}

static __always_inline void *generation(__u32 place)
{
	return bpf_map_lookup_elem(&haechi_list, &place);
}

static __always_inline int listed4(void *g, __u32 a)
{
	struct line *l = line_of(g, LIST_TOP + (a >> 20));
	__u32 w;

	if (!l || !(w = l->w[a >> 16 & 15]))
		return 0;
	if (w == 1)
		return 1;
	l = line_of(g, w + (a >> 12 & 15));
	if (!l || !(w = l->w[a >> 8 & 15]))
		return 0;
	if (w == 1)
		return 1;
	if (w & LIST_FEW)
		return (w & 255) == (a & 255) || (w >> 8 & 255) == (a & 255) || (w >> 16 & 255) == (a & 255);
	l = line_of(g, w >> 1);
	return l && l->w[(w & 1) << 3 | (a >> 5 & 7)] >> (a & 31) & 1;
}

/* Whether one bucket has the prefix; 2: no, and it is full. */
static __always_inline int in_bucket(struct line *l, struct key6 *k)
{
	if (k->bits <= 64) {
		for (int i = 0; i < 8; i++)
			if (l->d[i] == k->high)
				return 1;
		return l->d[7] ? 2 : 0;
	}
	for (int i = 0; i < 8; i += 2)
		if (l->d[i] == k->high && l->d[i + 1] == k->low)
			return 1;
	return l->d[6] || l->d[7] ? 2 : 0;
}

static __noinline int in_table(void *g, struct line *t, struct key6 *k)
{
	__u32 first = t->w[1], most = t->w[2];
	__u64 h;

	if (!k->high && !k->low)
		return t->w[3] != 0;
	h = mix(k->high ^ mix(k->low ^ t->d[2]));
	for (int i = 0; i < LIST_PROBES; i++) {
		struct line *l = line_of(g, first + ((h + i) & most));
		int has = l ? in_bucket(l, k) : 0;

		if (has < 2)
			return has;
	}
	return 0;
}

static long listed_at(__u32 i, struct look *l)
{
	void *g = generation(l->place);
	struct line *t = g ? line_of(g, i + 1) : 0;
	struct key6 k;

	if (!t)
		return 1;
	cut6(&k, l->high, l->low, t->w[0]);
	l->found = in_table(g, t, &k);
	return l->found;
}

static __always_inline int listed6(void *g, __u32 place, __u64 high, __u64 low)
{
	struct look l = {.high = high, .low = low, .place = place};
	struct line *head = line_of(g, 0);

	if (!head)
		return 0;
	bpf_loop(head->w[1], listed_at, &l, 0);
	return l.found;
}

/* Each of these asks one list by itself, and ends where there are no more. */
static long in_list4(__u32 i, struct look *l)
{
	void *g = generation(i + 1);

	if (g && listed4(g, l->high))
		l->found = i + 1;
	return !g || l->found;
}

static long in_list6(__u32 i, struct look *l)
{
	void *g = generation(i + 1);

	if (g && listed6(g, i + 1, l->high, l->low))
		l->found = i + 1;
	return !g || l->found;
}

static __always_inline int tally(struct look *l)
{
	__u32 at = l->found;
	struct count *c = bpf_map_lookup_elem(&haechi_listed, &at);

	if (c) {
		c->packets++;
		c->bytes += bpf_xdp_get_buff_len(l->ctx);
	}
	return LISTED;
}

static __noinline int tally4(struct xdp_md *ctx, __u32 a)
{
	struct look l = {.ctx = ctx, .high = a};

	bpf_loop(MOST_LISTS - 1, in_list4, &l, 0);
	return tally(&l);
}

static __noinline int tally6(struct xdp_md *ctx, __u64 high, __u64 low)
{
	struct look l = {.ctx = ctx, .high = high, .low = low};

	bpf_loop(MOST_LISTS - 1, in_list6, &l, 0);
	return tally(&l);
}

static __always_inline int judge4(struct xdp_md *ctx, __u32 a)
{
	int v = UNKNOWN;
	void *g;

	if (hinted(&haechi_hint4, a >> 8))
		v = named4(ctx, a);
	if (v == UNKNOWN && (g = generation(0)) && listed4(g, a))
		v = tally4(ctx, a);
	return v;
}

static __always_inline int judge6(struct xdp_md *ctx, __u64 high, __u64 low)
{
	struct control *c = control();
	int v = UNKNOWN;
	void *g;

	if (c && (c->wide6 || hinted(&haechi_hint6, mix(high >> 16) >> 40)))
		v = named6(ctx, high, low);
	if (v == UNKNOWN && (g = generation(0)) && listed6(g, 0, high, low))
		v = tally6(ctx, high, low);
	return v;
}
