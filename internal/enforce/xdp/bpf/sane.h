/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What no honest sender sends. Overlaps that are seen only when packets are put together
 * are the kernel's: it gives up the whole packet then. */
#pragma once
#include "packet.h"
#include "tables.h"

#define LEAST_TCP 20
#define LEAST_UDP 8
#define MOST_IP 65535
#define MOST_HEADERS 8 /* extension headers of an IPv6 packet */

/* Whether a first fragment is too short for the header of its protocol: filters that look
 * at ports would see none (RFC 1858, RFC 7112). */
static __always_inline int tiny(__u8 protocol, __u32 bytes)
{
	return (protocol == PROTO_TCP && bytes < LEAST_TCP) || (protocol == PROTO_UDP && bytes < LEAST_UDP);
}

/* What is wrong with a fragment; REASONS: nothing. offset is in bytes. */
static __always_inline __u32 odd_fragment(__u8 protocol, __u32 offset, int more, __u32 bytes)
{
	if (offset + bytes > MOST_IP)
		return OVERSIZED; /* the ping of death, and its kin */
	if ((more && (bytes & 7)) || !bytes)
		return MALFORMED;
	if ((!offset && more && tiny(protocol, bytes)) || (offset == 8 && protocol == PROTO_TCP))
		return TINY; /* the second would write over the flags of the first (RFC 3128) */
	return REASONS;
}

/* Whether an amplifier is asked: echo, or chargen, by a frame to everybody. */
static __always_inline int asks_everybody(struct ether *e, __u8 protocol, __u8 *at, void *end, __u8 echo)
{
	__be16 port;

	if (!(e->to[0] & 1) || (void *)(at + 4) > end)
		return 0;
	if (protocol == PROTO_ICMP || protocol == PROTO_ICMP6)
		return *at == echo;
	port = *(__be16 *)(at + 2);
	return protocol == PROTO_UDP && (port == bpf_htons(7) || port == bpf_htons(19));
}

static __always_inline __u32 odd4(struct xdp_md *ctx, struct ether *e, struct ipv4 *ip, void *end, __u32 before, struct carried *has)
{
	__u32 head = (ip->version_length & 15) * 4, all = bpf_ntohs(ip->length), cut = bpf_ntohs(ip->fragment);

	has->at = head;
	has->protocol = ip->protocol;
	has->cut = cut & 0x1fff ? LATER : cut & 0x2000 ? FIRST : WHOLE;
	if (ip->version_length >> 4 != 4 || head < sizeof(*ip))
		return MALFORMED;
	if (!all)
		return REASONS; /* more than 64 KiB, from this machine's own containers */
	if ((void *)ip + all > end)
		has->bytes = bpf_xdp_get_buff_len(ctx); /* in several pieces, or cut off */
	if (all < head || all + before > has->bytes)
		return MALFORMED;
	if (cut & 0x3fff)
		return odd_fragment(ip->protocol, (cut & 0x1fff) * 8, cut & 0x2000, all - head);
	if ((e->to[0] & 1) && (ip->to & bpf_htonl(0xf0000000)) != bpf_htonl(0xe0000000) &&
	    asks_everybody(e, ip->protocol, (void *)ip + head, end, 8))
		return SMURF;
	return REASONS;
}

struct extension {
	__u8 next, length;
	__be16 cut; /* of a fragment header; in a routing header the type comes first */
};

static __always_inline __u32 odd6(struct xdp_md *ctx, struct ether *e, struct ipv6 *ip, void *end, __u32 before, struct carried *has)
{
	__u32 all = bpf_ntohs(ip->length), used = 0;
	__u8 next = ip->next;

	has->at = sizeof(*ip);
	has->protocol = next;
	has->cut = WHOLE;
	if ((void *)(ip + 1) + all > end)
		has->bytes = bpf_xdp_get_buff_len(ctx);
	if (all + sizeof(*ip) + before > has->bytes)
		return MALFORMED;
	if ((bpf_be64_to_cpu(ip->from[0]) >> 56) == 0xff)
		return MALFORMED; /* nobody is a group */
	for (int i = 0; i < MOST_HEADERS; i++) {
		struct extension *x = (void *)(ip + 1) + used;

		if (next != NEXT_HOPS && next != NEXT_ROUTING && next != NEXT_FRAGMENT && next != NEXT_TO)
			break;
		if ((void *)(x + 1) > end)
			return REASONS; /* the kernel judges it */
		if (next == NEXT_ROUTING && !(bpf_ntohs(x->cut) >> 8) && (bpf_ntohs(x->cut) & 255))
			return MALFORMED; /* type 0 with places to go (RFC 5095) */
		if (next == NEXT_FRAGMENT) {
			__u32 cut = bpf_ntohs(x->cut);

			has->cut = cut & 0xfff8 ? LATER : cut & 1 ? FIRST : WHOLE;
			has->protocol = x->next;
			has->at = sizeof(*ip) + used + 8;
			if (cut & 0xfff9 && all >= used + 8)
				return odd_fragment(x->next, cut & 0xfff8, cut & 1, all - used - 8);
		}
		used += next == NEXT_FRAGMENT ? 8 : (x->length + 1) * 8;
		next = x->next;
		if (used > 1024)
			return MALFORMED;
		has->at = sizeof(*ip) + used;
		has->protocol = next;
	}
	if ((e->to[0] & 1) && (bpf_be64_to_cpu(ip->from[0]) >> 54) != 0x3fa && /* not of the link */
	    asks_everybody(e, next, (void *)(ip + 1) + used, end, 128))
		return SMURF;
	return REASONS;
}
