/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The shield's program on packets of random sources, and a flood of them. */
#include "../../../internal/enforce/xdp/bpf/shield.c"

/* Sources are the first 2^20 of a list (see sources_test.go), or as many beside it. */
volatile const __u32 out_index; /* the interface of a flood */
volatile const __u32 beside;    /* 1: sources that are not on the list */

static __always_inline __u32 number(void)
{
	return (bpf_get_prandom_u32() & 0xfffff) + (beside << 24);
}

static __always_inline int source(struct xdp_md *ctx, __u32 n)
{
	struct ipv4 *ip = (void *)(long)ctx->data + sizeof(struct ether);
	__u32 sum = 0;
	__u16 *w = (void *)ip;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return 0;
	ip->from = bpf_htonl(n);
	ip->sum = 0;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->sum = ~sum;
	return 1;
}

static __always_inline int source4(struct xdp_md *ctx)
{
	return source(ctx, number() * 2654435761u);
}

/* Any address of IPv4, chosen at random. */
SEC("xdp.frags")
int bench_any4(struct xdp_md *ctx)
{
	return source(ctx, bpf_get_prandom_u32()) ? shield(ctx) : XDP_ABORTED;
}

SEC("xdp.frags")
int bench_empty(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_source4(struct xdp_md *ctx)
{
	return source4(ctx) ? XDP_DROP : XDP_ABORTED;
}

SEC("xdp.frags")
int bench_shield4(struct xdp_md *ctx)
{
	return source4(ctx) ? shield(ctx) : XDP_ABORTED;
}

static __always_inline int source6(struct xdp_md *ctx)
{
	struct ipv6 *ip = (void *)(long)ctx->data + sizeof(struct ether);

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return 0;
	ip->from[0] = bpf_cpu_to_be64(0x20ULL << 56 | mix(number() + 1) >> 8);
	return 1;
}

SEC("xdp.frags")
int bench_source6(struct xdp_md *ctx)
{
	return source6(ctx) ? XDP_DROP : XDP_ABORTED;
}

SEC("xdp.frags")
int bench_shield6(struct xdp_md *ctx)
{
	return source6(ctx) ? shield(ctx) : XDP_ABORTED;
}

/* Whether a socket waits for the packet, as the other way to know an answer. */
SEC("xdp.frags")
int bench_socket(struct xdp_md *ctx)
{
	struct ipv4 *ip = (void *)(long)ctx->data + sizeof(struct ether);
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s;

	if (!source4(ctx) || (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	t.ipv4.saddr = ip->from;
	t.ipv4.daddr = ip->to;
	t.ipv4.sport = bpf_htons(53);
	t.ipv4.dport = bpf_htons(40000);
	s = bpf_sk_lookup_udp(ctx, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (s)
		bpf_sk_release(s);
	return XDP_DROP;
}

SEC("tcx/egress")
int bench_leaving(struct __sk_buff *skb)
{
	return -1;
}

/* The kernel's own tables with the same sources. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, __u32);
	__type(value, __u8);
} bench_hash SEC(".maps");

struct trie_key {
	__u32 bits;
	__be32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct trie_key);
	__type(value, __u8);
} bench_trie SEC(".maps");

SEC("xdp.frags")
int bench_in_hash(struct xdp_md *ctx)
{
	struct ipv4 *ip = (void *)(long)ctx->data + sizeof(struct ether);
	__u32 a;

	if (!source4(ctx) || (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	a = bpf_ntohl(ip->from);
	return bpf_map_lookup_elem(&bench_hash, &a) ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int bench_in_trie(struct xdp_md *ctx)
{
	struct ipv4 *ip = (void *)(long)ctx->data + sizeof(struct ether);
	struct trie_key k = {.bits = 32};

	if (!source4(ctx) || (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	k.addr = ip->from;
	return bpf_map_lookup_elem(&bench_trie, &k) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int bench_flood(struct xdp_md *ctx)
{
	return source4(ctx) ? bpf_redirect(out_index, 0) : XDP_ABORTED;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_next SEC(".maps");

/* One packet of each source, none twice in four billion. */
SEC("xdp")
int bench_crowd(struct xdp_md *ctx)
{
	__u32 zero = 0, *next = bpf_map_lookup_elem(&bench_next, &zero);

	if (!next || !source(ctx, __sync_fetch_and_add(next, 1) * 2654435761u))
		return XDP_ABORTED;
	return bpf_redirect(out_index, 0);
}

volatile const __u8 door_mac[6];

/* What opens a connection at 10.77.0.1, from sources at random. A frame comes again as the
 * one who got it left it: every field is written anew. */
SEC("xdp")
int bench_openings(struct xdp_md *ctx)
{
	struct ipv4 *ip = (void *)(long)ctx->data + sizeof(struct ether);
	struct ether *e = (void *)(long)ctx->data;
	struct tcp *t = (void *)(ip + 1);

	if ((void *)(t + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < 6; i++)
		e->to[i] = door_mac[i];
	ip->to = bpf_htonl(10 << 24 | 77 << 16 | 1);
	t->to = bpf_htons(4000);
	t->seq = bpf_get_prandom_u32();
	t->ack = 0;
	t->flags = 2;
	if (!source(ctx, 100u << 24 | (bpf_get_prandom_u32() & 0xffffff)) || (void *)(t + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	t->from = bpf_get_prandom_u32();
	t->sum = 0;
	t->sum = ~folded(words(t, 12) + words(&ip->from, 4) + bpf_htons(PROTO_TCP) + bpf_htons(24));
	return bpf_redirect(out_index, 0);
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bench_answered SEC(".maps");

/* Counts answers to the openings at the other end; all else passes. */
SEC("xdp")
int bench_answers(struct xdp_md *ctx)
{
	struct ipv4 *ip = (void *)(long)ctx->data + sizeof(struct ether);
	struct tcp *t = (void *)(ip + 1);
	__u32 zero = 0;
	__u64 *n;

	if ((void *)t + 20 > (void *)(long)ctx->data_end || ip->protocol != PROTO_TCP || bpf_ntohl(ip->to) >> 24 != 100)
		return XDP_PASS;
	n = bpf_map_lookup_elem(&bench_answered, &zero);
	if (n && t->flags == 0x12)
		__sync_fetch_and_add(n, 1);
	return XDP_DROP;
}
