/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Drops what denied sources send, and what no honest one sends, before the kernel makes
 * anything of it. Whoever is kept from harm passes first. What it does not understand passes: the kernel judges that. */
#include "judge.h"
#include "packet.h"
#include "sane.h"

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

static __always_inline int shield(struct xdp_md *ctx)
{
	void *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *e = at;
	__be16 type;
	__u32 why, before = sizeof(*e);
	int verdict;

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
		before += sizeof(*v);
	}
	if (type == bpf_htons(ETHER_IPV4)) {
		struct ipv4 *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		verdict = judge4(ctx, bpf_ntohl(ip->from));
		why = verdict == UNKNOWN ? odd4(ctx, e, ip, end, before) : REASONS;
	} else if (type == bpf_htons(ETHER_IPV6)) {
		struct ipv6 *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		verdict = judge6(ctx, bpf_be64_to_cpu(ip->from[0]), bpf_be64_to_cpu(ip->from[1]));
		why = verdict == UNKNOWN ? odd6(ctx, e, ip, end, before) : REASONS;
	} else {
		return XDP_PASS;
	}
	if (verdict == HELD)
		why = BY_DECISION;
	if (verdict == LISTED)
		why = BY_LIST;
	return why < REASONS ? drop(ctx, why) : XDP_PASS;
}

SEC("xdp.frags")
int haechi_shield(struct xdp_md *ctx)
{
	return shield(ctx);
}
