/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Answers that nobody asked for. Questions are noted as they leave, by this machine or
 * through it, after their address was translated; an answer is one of those, or unasked. */
#pragma once
#include "came.h"
#include "meter.h"

#define ANSWERS_WITHIN (30000000000ULL >> UNIT)

struct udp {
	__be16 from, to, length, sum;
};

/* What a question and its answer have in common. */
struct question {
	__u64 remote[2], local[2]; /* remote is 0 if a group is asked: anybody may answer */
	__u32 ports;               /* of the remote, and in the upper half of the local one */
};

static __always_inline __u64 hash_of(struct meters *m, struct question *q)
{
	__u64 h = hash(m, q->remote[1] ^ (__u64)q->ports << 32);

	if (q->local[0]) { /* IPv6 */
		h = hash(m, h ^ q->remote[0]);
		h = hash(m, h ^ q->local[0]);
	}
	return hash(m, h ^ q->local[1]);
}

/* Not static: the verifier judges it by itself. */
__noinline int haechi_ask(__u64 h)
{
	__u64 now = bpf_ktime_get_coarse_ns() >> UNIT, oldest = 0;
	struct line *l = line_of(&haechi_asked, h & (ASKED_LINES - 1));
	__u32 at = 0;

	if (!l)
		return 0;
	for (int i = 0; i < 8; i++) {
		__u64 age = (now - l->d[i]) & TIME;

		if ((l->d[i] & ~TIME) == MARK(h)) {
			at = i;
			break;
		}
		if (age > oldest) {
			oldest = age;
			at = i;
		}
	}
	*(volatile __u64 *)&l->d[at & 7] = MARK(h) | (now & TIME);
	return 0;
}

/* Not static, likewise. */
__noinline int haechi_was_asked(__u64 h)
{
	__u64 now = bpf_ktime_get_coarse_ns() >> UNIT;
	struct line *l = line_of(&haechi_asked, h & (ASKED_LINES - 1));

	if (!l)
		return 1;
	for (int i = 0; i < 8; i++)
		if ((l->d[i] & ~TIME) == MARK(h) && ((now - l->d[i]) & TIME) <= ANSWERS_WITHIN)
			return 1;
	return 0;
}

/* Whether that is an answer by its first bytes: many a question comes from the same port,
 * and behind a translated address a customer may have any port. */
static __always_inline int answers(__u32 class, __u8 *p, void *end, __u16 to)
{
	if (class == FROM_QOTD || class == FROM_CHARGEN || class == FROM_CLDAP)
		return 1;
	if (class == FROM_SNMP)
		return to != 162; /* its traps */
	if ((void *)(p + 9) > end)
		return 0;
	switch (class) {
	case FROM_DNS:
	case FROM_NETBIOS:
	case FROM_MDNS:
		return p[2] >> 7;
	case FROM_PORTMAP:
		return p[7] == 1; /* RPC: reply */
	case FROM_NTP:
		return (p[0] & 7) == 4 || ((p[0] & 7) == 6 && p[1] >> 7) || ((p[0] & 7) == 7 && p[0] >> 7);
	case FROM_RIP:
		return p[0] == 2;
	case FROM_SSDP:
		return p[0] == 'H' && p[1] == 'T' && p[2] == 'T' && p[3] == 'P';
	case FROM_WSD:
		return p[0] == '<';
	case FROM_COAP:
		return p[0] >> 6 == 1 && p[1] >> 5 == 2; /* success */
	case FROM_MEMCACHED:
		return !p[6] && !p[7] && p[8] >= 'A' && p[8] <= 'Z'; /* VALUE, STAT, END, ERROR */
	case FROM_QUAKE:
		return (p[0] & p[1] & p[2] & p[3]) == 255 && p[4] == 's'; /* statusResponse */
	}
	return 0;
}

/* The addresses of an IP packet as of one that came in; 0: it is cut off. */
static __always_inline int addresses(struct question *q, void *ip, void *end)
{
	struct ipv4 *v4 = ip;
	struct ipv6 *v6 = ip;

	if ((void *)(v4 + 1) > end)
		return 0;
	if (v4->version_length >> 4 == 4) {
		q->remote[1] = name4(v4->from);
		q->local[1] = name4(v4->to);
		return 1;
	}
	if ((void *)(v6 + 1) > end)
		return 0;
	q->remote[0] = v6->from[0];
	q->remote[1] = v6->from[1];
	q->local[0] = v6->to[0];
	q->local[1] = v6->to[1];
	return 1;
}

/* Whether a packet from one of the ports is an answer that nobody asked for: by anybody,
 * or by a group to which it belongs. Not static, likewise. */
__noinline int haechi_unasked(struct xdp_md *ctx, __u32 ip, __u32 at, __u32 class)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct udp *u = data + (at & 2047);
	struct question q = {};
	__u32 zero = 0;
	struct meters *m = bpf_map_lookup_elem(&haechi_meters, &zero);

	if (!m || (void *)(u + 1) > end || !answers(class, (void *)(u + 1), end, bpf_ntohs(u->to)) || !addresses(&q, data + (ip & 63), end))
		return 0;
	q.ports = u->from | u->to << 16;
	if (haechi_was_asked(hash_of(m, &q)))
		return 0;
	q.remote[0] = q.remote[1] = 0;
	return !haechi_was_asked(hash_of(m, &q));
}

/* Turns the addresses of a packet that leaves into those of its answer. */
static __always_inline void turn(struct question *q, int group)
{
	__u64 remote[2] = {q->local[0], q->local[1]};

	q->local[0] = q->remote[0];
	q->local[1] = q->remote[1];
	q->remote[0] = group ? 0 : remote[0];
	q->remote[1] = group ? 0 : remote[1];
}

/* Where the IP header begins; 0: there is none, or another tag. */
static __always_inline __u32 ip_of(void *data, void *end)
{
	struct ether *e = data;
	struct vlan *v = (void *)(e + 1);
	__be16 type;

	if ((void *)(v + 2) > end)
		return 0;
	type = e->type;
	if (type == bpf_htons(ETHER_IPV4) || type == bpf_htons(ETHER_IPV6))
		return sizeof(*e);
	for (int i = 0; i < 2; i++) {
		if (type != bpf_htons(ETHER_VLAN) && type != bpf_htons(ETHER_QINQ))
			return 0;
		type = v[i].type;
		if (type == bpf_htons(ETHER_IPV4) || type == bpf_htons(ETHER_IPV6))
			return sizeof(*e) + (i + 1) * sizeof(*v);
	}
	return 0;
}

/* Where the UDP header begins; 0: it is none, or no first fragment. */
static __always_inline __u32 udp_of(void *data, __u32 ip, void *end)
{
	struct ipv4 *v4 = data + ip;
	struct ipv6 *v6 = data + ip;

	if ((void *)(v4 + 1) > end)
		return 0;
	if (v4->version_length >> 4 == 4)
		return v4->protocol == PROTO_UDP && !(v4->fragment & bpf_htons(0x1fff)) ? ip + (v4->version_length & 15) * 4 : 0;
	return (void *)(v6 + 1) <= end && v6->next == PROTO_UDP ? ip + sizeof(*v6) : 0;
}

#define MOST_HEAD 128

static __always_inline void asks(struct __sk_buff *skb)
{
	void *data, *end;
	struct question q = {};
	struct meters *m;
	__u32 ip, at, zero = 0;
	struct udp *u;

	if (skb->data + MOST_HEAD > skb->data_end)
		bpf_skb_pull_data(skb, skb->len < MOST_HEAD ? skb->len : MOST_HEAD);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = ip_of(data, end);
	at = ip ? udp_of(data, ip & 63, end) : 0;
	u = data + (at & 127);
	if (!at || (void *)(u + 1) > end || from_port(bpf_ntohs(u->to)) == UDP || !addresses(&q, data + (ip & 63), end))
		return;
	m = bpf_map_lookup_elem(&haechi_meters, &zero);
	if (!m)
		return;
	q.ports = u->to | u->from << 16;
	turn(&q, *(__u8 *)data & 1);
	haechi_ask(hash_of(m, &q));
}
