/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Drops what denied sources send, before the kernel makes anything of it. Whoever is kept
 * from harm passes first. What it does not understand passes: the kernel judges that. */
#include "judge.h"
#include "packet.h"

char _license[] SEC("license") = "Dual MIT/GPL";

static __always_inline int drop(struct xdp_md *ctx, __u32 why)
{
	struct count *c = bpf_map_lookup_elem(&haechi_dropped, &why);

	if (c) {
		c->packets++;
		c->bytes += bpf_xdp_get_buff_len(ctx);
	}
	return XDP_DROP;
}

static __always_inline int done(struct xdp_md *ctx, int verdict)
{
	if (verdict == HELD)
		return drop(ctx, BY_DECISION);
	if (verdict == LISTED)
		return drop(ctx, BY_LIST);
	return XDP_PASS;
}

static __always_inline int shield(struct xdp_md *ctx)
{
	void *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *e = at;
	__be16 type;

	if ((void *)(e + 1) > end)
		return XDP_PASS;
	type = e->type;
	at = e + 1;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan *v = at;

		if (type != bpf_htons(ETHER_VLAN) && type != bpf_htons(ETHER_QINQ))
			break;
		if ((void *)(v + 1) > end)
			return XDP_PASS;
		type = v->type;
		at = v + 1;
	}
	if (type == bpf_htons(ETHER_IPV4)) {
		struct ipv4 *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		return done(ctx, judge4(ctx, bpf_ntohl(ip->from)));
	}
	if (type == bpf_htons(ETHER_IPV6)) {
		struct ipv6 *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		return done(ctx, judge6(ctx, bpf_be64_to_cpu(ip->from[0]), bpf_be64_to_cpu(ip->from[1])));
	}
	return XDP_PASS;
}

SEC("xdp.frags")
int haechi_shield(struct xdp_md *ctx)
{
	return shield(ctx);
}
