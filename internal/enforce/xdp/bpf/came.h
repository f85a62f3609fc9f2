/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What came in, by class. */
#pragma once
#include "packet.h"
#include "tables.h"
#include "top.h"

#define SAMPLED 256 /* beside the class: look at the source */

/* The class of UDP from a port that answers whoever asks, often with more than was asked;
 * ../counters.go has the names. */
static __always_inline __u32 from_port(__u16 port)
{
	switch (port) {
	case 17: return FROM_QOTD;
	case 19: return FROM_CHARGEN;
	case 53: return FROM_DNS;
	case 111: return FROM_PORTMAP;
	case 123: return FROM_NTP;
	case 137: return FROM_NETBIOS;
	case 161: return FROM_SNMP;
	case 389: return FROM_CLDAP;
	case 520: return FROM_RIP;
	case 1900: return FROM_SSDP;
	case 3283: return FROM_ARD;
	case 3702: return FROM_WSD;
	case 5353: return FROM_MDNS;
	case 5683: return FROM_COAP;
	case 11211: return FROM_MEMCACHED;
	case 27960: return FROM_QUAKE;
	case 37810: return FROM_DVR;
	}
	return UDP;
}

static __always_inline __u32 class_of(struct xdp_md *ctx, __u32 at, __u8 protocol)
{
	__u8 *head = (void *)(long)ctx->data + (at & 2047), *end = (void *)(long)ctx->data_end;

	switch (protocol) {
	case PROTO_TCP:
		return head + 14 <= end && (head[13] & 0x12) == 2 ? SYN : TCP;
	case PROTO_UDP:
		return head + 2 <= end ? from_port(head[0] << 8 | head[1]) : UDP;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return ICMP;
	}
	return OTHER;
}

static __always_inline __u32 place_of(struct xdp_md *ctx, struct meters *m)
{
	__u32 index = ctx->ingress_ifindex;

	for (__u32 i = 0; i < MOST_INTERFACES - 1 && m->index[i]; i++)
		if (m->index[i] == index)
			return i;
	return MOST_INTERFACES - 1;
}

/* Counts a packet: of the class, or of the protocol whose header is there if the class is
 * OTHER. Returns what that header says, of a first fragment too, and perhaps SAMPLED. Not
 * static: the verifier judges it by itself. */
__noinline int haechi_note(struct xdp_md *ctx, __u32 class, __u32 at, __u32 protocol, __u32 bytes)
{
	__u32 i = 0, is = protocol ? class_of(ctx, at, protocol) : class;
	struct meters *m = bpf_map_lookup_elem(&haechi_meters, &i);
	struct came *c;

	if (!m)
		return 0;
	if (class == OTHER)
		class = is;
	i = place_of(ctx, m);
	c = bpf_map_lookup_elem(&haechi_came, &i);
	if (c && class < MOST_CLASSES) {
		c->class[class].packets++;
		c->class[class].bytes += bytes;
		if (sampled(c->class[class].packets))
			is |= SAMPLED;
	}
	return is;
}
