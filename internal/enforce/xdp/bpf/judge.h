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

static __noinline int named4(struct xdp_md *ctx, __u32 a)
{
	struct control *c = control();
	struct key4 k;

	if (!c)
		return UNKNOWN;
	for (int i = 0; i < 33 && i < c->count[KEPT4]; i++) {
		k.bits = c->bits[KEPT4][i];
		k.addr = a & (__u32)(0xffffffffULL << (32 - (k.bits & 63)));
		if (bpf_map_lookup_elem(&haechi_kept4, &k))
			return KEPT;
	}
	for (int i = 0; i < 33 && i < c->count[HELD4]; i++) {
		k.bits = c->bits[HELD4][i];
		k.addr = a & (__u32)(0xffffffffULL << (32 - (k.bits & 63)));
		if (in_force(ctx, bpf_map_lookup_elem(&haechi_held4, &k)))
			return HELD;
	}
	return UNKNOWN;
}

static __always_inline void cut6(struct key6 *k, __u64 high, __u64 low, __u32 bits)
{
	k->bits = bits;
	k->zero = 0;
	k->high = bits >= 64 ? high : bits ? high & (~0ULL << ((64 - bits) & 63)) : 0;
	k->low = bits >= 128 ? low : bits > 64 ? low & (~0ULL << ((128 - bits) & 63)) : 0;
}

static __noinline int named6(struct xdp_md *ctx, __u64 high, __u64 low)
{
	struct control *c = control();
	struct key6 k;

	if (!c)
		return UNKNOWN;
	for (int i = 0; i < MOST_LENGTHS && i < c->count[KEPT6]; i++) {
		cut6(&k, high, low, c->bits[KEPT6][i]);
		if (bpf_map_lookup_elem(&haechi_kept6, &k))
			return KEPT;
	}
	for (int i = 0; i < MOST_LENGTHS && i < c->count[HELD6]; i++) {
		cut6(&k, high, low, c->bits[HELD6][i]);
		if (in_force(ctx, bpf_map_lookup_elem(&haechi_held6, &k)))
			return HELD;
	}
	return UNKNOWN;
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
	struct line *l = line_of(map, bit >> 9 & (HINT_LINES - 1));

	return l && l->d[bit >> 6 & 7] >> (bit & 63) & 1;
}

static __always_inline void *generation(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&haechi_list, &zero);
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

static __always_inline int listed6(void *g, __u64 high, __u64 low)
{
	struct line *head = line_of(g, 0);
	struct key6 k;

	if (!head)
		return 0;
	for (int i = 0; i < LIST_TABLES && i < head->w[1]; i++) {
		struct line *t = line_of(g, i + 1);

		if (!t)
			return 0;
		cut6(&k, high, low, t->w[0]);
		if (in_table(g, t, &k))
			return 1;
	}
	return 0;
}

static __always_inline int judge4(struct xdp_md *ctx, __u32 a)
{
	int v = UNKNOWN;
	void *g;

	if (hinted(&haechi_hint4, a >> 8))
		v = named4(ctx, a);
	if (v == UNKNOWN && (g = generation()) && listed4(g, a))
		v = LISTED;
	return v;
}

static __always_inline int judge6(struct xdp_md *ctx, __u64 high, __u64 low)
{
	struct control *c = control();
	int v = UNKNOWN;
	void *g;

	if (c && (c->wide6 || hinted(&haechi_hint6, mix(high >> 16) >> 40)))
		v = named6(ctx, high, low);
	if (v == UNKNOWN && (g = generation()) && listed6(g, high, low))
		v = LISTED;
	return v;
}
