/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Too many connections that open at one door: what is beyond is answered here with a
 * cookie of the kernel's own, which the kernel knows again when the connection goes on.
 * Of a source that is forged nothing remains. */
#pragma once
#include "meter.h"
#include "packet.h"

volatile const __u32 has_cookies; /* the kernel has the helpers: Linux 6.0 */

#define ANSWER 24 /* bytes of TCP: a header, and the option of the segment's size */
#define LISTENS 10 /* BPF_TCP_LISTEN */
#define WINDOW 29200
#define SEGMENT4 1400
#define SEGMENT6 1380

struct tcp {
	__be16 from, to;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window, sum, urgent;
	__u8 kind, length;
	__be16 size;
};

/* Where things are in a frame, checked by the one who calls. */
struct opening {
	__u32 ip, at, v6;
	__u32 cookie;
};

static __always_inline __u64 door4(struct meters *m, struct ipv4 *ip, __be16 port)
{
	return hash(m, 1ULL << 63 | (__u64)port << 32 | ip->to);
}

static __always_inline __u64 door6(struct meters *m, struct ipv6 *ip, __be16 port)
{
	return hash(m, hash(m, ip->to[0] ^ port) ^ ip->to[1]);
}

/* Whether somebody on this machine, and no connection there, waits for the packet. */
static __always_inline int listens(struct xdp_md *ctx, struct bpf_sock_tuple *t, __u32 size)
{
	struct bpf_sock *s = bpf_skc_lookup_tcp(ctx, t, size, BPF_F_CURRENT_NETNS, 0);
	int yes = s && s->state == LISTENS;

	if (s)
		bpf_sk_release(s);
	return yes;
}

static __always_inline __u32 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u32 words(void *at, int n)
{
	__u16 *w = at;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < n; i++)
		sum += w[i];
	return sum;
}

static __always_inline void turn_ether(struct ether *e)
{
	__u8 to[6];

	__builtin_memcpy(to, e->to, 6);
	__builtin_memcpy(e->to, e->from, 6);
	__builtin_memcpy(e->from, to, 6);
}

/* Turns the opening at t into its answer. pseudo is the sum of the addresses. */
static __always_inline void turn_tcp(struct tcp *t, __u32 cookie, __u32 pseudo, __u16 size)
{
	__be16 from = t->from;

	t->from = t->to;
	t->to = from;
	t->ack = bpf_htonl(bpf_ntohl(t->seq) + 1);
	t->seq = bpf_htonl(cookie);
	t->offset = ANSWER / 4 << 4;
	t->flags = 0x12;
	t->window = bpf_htons(WINDOW);
	t->urgent = 0;
	t->kind = 2;
	t->length = 4;
	t->size = bpf_htons(size);
	t->sum = 0;
	t->sum = ~folded(words(t, ANSWER / 2) + pseudo + bpf_htons(PROTO_TCP) + bpf_htons(ANSWER));
}

static __always_inline void turn4(struct ipv4 *ip, struct tcp *t, __u32 cookie)
{
	__be32 from = ip->from;

	ip->from = ip->to;
	ip->to = from;
	ip->tos = 0;
	ip->length = bpf_htons(sizeof(*ip) + ANSWER);
	ip->id = 0;
	ip->fragment = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->sum = 0;
	ip->sum = ~folded(words(ip, sizeof(*ip) / 2));
	turn_tcp(t, cookie, words(&ip->from, 4), SEGMENT4);
}

static __always_inline void turn6(struct ipv6 *ip, struct tcp *t, __u32 cookie)
{
	__be64 from[2] = {ip->from[0], ip->from[1]};

	ip->from[0] = ip->to[0];
	ip->from[1] = ip->to[1];
	ip->to[0] = from[0];
	ip->to[1] = from[1];
	ip->version_class_flow = bpf_htonl(6 << 28);
	ip->length = bpf_htons(ANSWER);
	ip->hops = 64;
	turn_tcp(t, cookie, words(ip->from, 16), SEGMENT6);
}

/* The kernel's cookie for the opening; 0: there is none. */
static __always_inline int cookie_of(struct xdp_md *ctx, struct opening *o)
{
	__u8 ip[sizeof(struct ipv6)] = {}, head[60] = {};
	__u32 bytes;
	__s64 v;

	if (bpf_xdp_load_bytes(ctx, o->ip, ip, o->v6 ? sizeof(struct ipv6) : sizeof(struct ipv4)) || bpf_xdp_load_bytes(ctx, o->at, head, 20))
		return 0;
	bytes = (head[12] >> 4) * 4;
	if (bytes < 20 || bytes > 60 || bpf_xdp_load_bytes(ctx, o->at, head, bytes))
		return 0;
	if (o->v6)
		v = bpf_tcp_raw_gen_syncookie_ipv6((void *)ip, (void *)head, bytes);
	else
		v = bpf_tcp_raw_gen_syncookie_ipv4((void *)ip, (void *)head, bytes);
	o->cookie = v;
	return v >= 0;
}

/* Whether the opening is beyond what its door takes, and the door is this machine's. */
static __always_inline int crowded(struct xdp_md *ctx, struct opening *o, struct meters *m)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv4 *v4 = data + o->ip;
	struct ipv6 *v6 = data + o->ip;
	struct tcp *t = data + o->at;
	struct setting *s = setting(m);
	struct bpf_sock_tuple k = {};
	__u64 door;

	if ((void *)t + 20 > end || (void *)(v4 + 1) > end || (o->v6 && (void *)(v6 + 1) > end))
		return 0;
	if (o->v6) {
		__builtin_memcpy(k.ipv6.saddr, v6->from, 16);
		__builtin_memcpy(k.ipv6.daddr, v6->to, 16);
		k.ipv6.sport = t->from;
		k.ipv6.dport = t->to;
		door = door6(m, v6, t->to);
	} else {
		k.ipv4.saddr = v4->from;
		k.ipv4.daddr = v4->to;
		k.ipv4.sport = t->from;
		k.ipv4.dport = t->to;
		door = door4(m, v4, t->to);
	}
	if (!haechi_over(door, s->open_cost, s->open_depth))
		return 0;
	return o->v6 ? listens(ctx, &k, sizeof(k.ipv6)) : listens(ctx, &k, sizeof(k.ipv4));
}

/* Turns the frame, which has the answer's length, into it. */
static __always_inline int turned(struct xdp_md *ctx, struct opening *o)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *ip = data + o->ip;

	asm volatile("" : "+r"(ip)); /* one address, as the verifier knows it */
	if (data + sizeof(struct ether) > end)
		return 0;
	turn_ether(data);
	if (o->v6) {
		struct ipv6 *h = ip;
		struct tcp *t = (void *)(h + 1);

		if ((void *)(t + 1) > end)
			return 0;
		turn6(h, t, o->cookie);
	} else {
		struct ipv4 *h = ip;
		struct tcp *t = (void *)(h + 1);

		if ((void *)(t + 1) > end)
			return 0;
		turn4(h, t, o->cookie);
	}
	return 1;
}

/* Answers an opening, if it is one too many; 0: it is not. Not static: the verifier judges
 * it by itself. */
__noinline int haechi_answer(struct xdp_md *ctx, __u32 before, __u32 at)
{
	struct opening o = {.ip = before & 63, .at = at & 127};
	__u32 zero = 0;
	struct meters *m = bpf_map_lookup_elem(&haechi_meters, &zero);
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (!has_cookies || !m || data + o.ip + sizeof(struct ipv6) > end)
		return 0;
	o.v6 = *(__u8 *)(data + o.ip) >> 4 == 6;
	if (o.at != o.ip + (o.v6 ? sizeof(struct ipv6) : sizeof(struct ipv4)) || !crowded(ctx, &o, m) || !cookie_of(ctx, &o))
		return 0; /* with options or headers between it is the kernel's */
	if (bpf_xdp_adjust_tail(ctx, (int)(o.at + ANSWER) - (int)bpf_xdp_get_buff_len(ctx)))
		return 0;
	return turned(ctx, &o);
}
