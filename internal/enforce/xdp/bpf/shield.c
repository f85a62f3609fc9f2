/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Drops what denied sources send, and what no honest one sends, before the kernel makes
 * anything of it. Whoever is kept from harm passes first. What it does not understand passes: the kernel judges that. */
#include "asked.h"
#include "came.h"
#include "judge.h"
#include "meter.h"
#include "packet.h"
#include "sane.h"
#include "strict.h"
#include "syn.h"

char _license[] SEC("license") = "Dual MIT/GPL";

static __always_inline int count(struct xdp_md *ctx, __u32 why, int verdict)
{
	struct count *c = bpf_map_lookup_elem(&haechi_dropped, &why);

	if (c) {
		c->packets++;
		c->bytes += bpf_xdp_get_buff_len(ctx);
	}
	return verdict;
}

/* One frame on its way through the questions. */
struct frame {
	struct xdp_md *ctx;
	struct ether *e;
	void *end;
	__u32 before; /* bytes of the link's headers */
	__u32 why;    /* it is dropped */
	__u64 source; /* its address, or /64 */
	__u64 wide;   /* its /24, or /48 */
	struct carried has;
	__u8 group; /* the first byte of the link's destination */
};

static __always_inline int judged4(struct frame *f, struct ipv4 *ip)
{
	__u32 from = bpf_ntohl(ip->from);
	int v = judge4(f->ctx, from);

	if (v < HELD)
		f->why = odd4(f->ctx, f->e, ip, f->end, f->before, &f->has);
	f->source = name4(from);
	f->wide = TOP_IPV4 | from >> 8;
	return v;
}

static __always_inline int judged6(struct frame *f, struct ipv6 *ip)
{
	__u64 high = bpf_be64_to_cpu(ip->from[0]);
	int v = judge6(f->ctx, high, bpf_be64_to_cpu(ip->from[1]));

	if (v < HELD)
		f->why = odd6(f->ctx, f->e, ip, f->end, f->before, &f->has);
	f->source = high;
	f->wide = high >> 16;
	return v;
}

/* What is said of a frame whose source is not denied. */
static __always_inline int metered(struct frame *f, struct meters *m, __u32 class)
{
	struct setting *s = setting(m);

	if (s->unasked && class >= FROM_QOTD && !(f->group & 1) && bpf_ktime_get_coarse_ns() >> UNIT >= s->since &&
	    haechi_unasked(f->ctx, f->before, f->before + f->has.at, class)) {
		if (s->unasked == DROP)
			return count(f->ctx, UNASKED, XDP_DROP);
		count(f->ctx, WATCHED_UNASKED, XDP_PASS);
	}
	if (s->rate && haechi_over(hash(m, f->source), s->cost, s->depth)) {
		if (s->rate == DROP)
			return count(f->ctx, BY_RATE, XDP_DROP);
		count(f->ctx, WATCHED_RATE, XDP_PASS);
	}
	if (s->strict && (class == SYN || class == ICMP || f->has.cut)) {
		__u32 why = haechi_strict(f->ctx, f->before, f->before + f->has.at, f->has.cut ? FRAGMENT : class, f->source);

		if (why < REASONS)
			return count(f->ctx, why, XDP_DROP);
		if (why < COUNTED)
			count(f->ctx, why, XDP_PASS);
	}
	if (s->open_depth && class == SYN && !f->has.cut && !(f->group & 1) && haechi_answer(f->ctx, f->before, f->before + f->has.at))
		return count(f->ctx, ANSWERED, XDP_TX);
	return XDP_PASS;
}

static __always_inline int shield(struct xdp_md *ctx)
{
	void *at = (void *)(long)ctx->data;
	struct frame f = {.ctx = ctx, .e = at, .end = (void *)(long)ctx->data_end, .before = sizeof(struct ether), .why = REASONS};
	__u32 zero = 0;
	struct meters *m = bpf_map_lookup_elem(&haechi_meters, &zero);
	__u32 class;
	__be16 type;
	int verdict;

	if (!m || (void *)(f.e + 1) > f.end)
		return XDP_PASS;
	f.has.bytes = f.end - at;
	type = f.e->type;
	at = f.e + 1;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan *v = at;

		if (type != bpf_htons(ETHER_VLAN) && type != bpf_htons(ETHER_QINQ))
			break;
		if ((void *)(v + 1) > f.end)
			return XDP_PASS;
		type = v->type;
		at = v + 1;
		f.before += sizeof(*v);
	}
	if (type == bpf_htons(ETHER_IPV4) && (void *)((struct ipv4 *)at + 1) <= f.end) {
		verdict = judged4(&f, at);
	} else if (type == bpf_htons(ETHER_IPV6) && (void *)((struct ipv6 *)at + 1) <= f.end) {
		verdict = judged6(&f, at);
	} else {
		haechi_note(ctx, ALIEN, 0, 0, f.has.bytes);
		return XDP_PASS;
	}
	f.group = f.e->to[0];
	class = haechi_note(ctx, verdict >= HELD ? DENIED : f.has.cut ? FRAGMENT : OTHER, f.before + f.has.at, f.has.cut == LATER ? 0 : f.has.protocol, f.has.bytes);
	if (class & SAMPLED && verdict < HELD)
		haechi_sample(f.wide, hash(m, f.wide));
	class &= ~SAMPLED;
	if (verdict == KEPT)
		return XDP_PASS;
	if (verdict != UNKNOWN)
		f.why = verdict == HELD ? BY_DECISION : BY_LIST;
	return f.why < REASONS ? count(ctx, f.why, XDP_DROP) : metered(&f, m, class);
}

SEC("xdp.frags")
int haechi_shield(struct xdp_md *ctx)
{
	return shield(ctx);
}

SEC("tcx/egress")
int haechi_asks(struct __sk_buff *skb)
{
	asks(skb);
	return -1; /* it goes on */
}
