/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What a packet looks like. */
#pragma once
#include <linux/types.h>

#define ETHER_IPV4 0x0800
#define ETHER_IPV6 0x86dd
#define ETHER_VLAN 0x8100   /* IEEE 802.1Q */
#define ETHER_QINQ 0x88a8   /* IEEE 802.1ad */

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58
#define NEXT_HOPS 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_TO 60

struct ether {
	__u8 to[6], from[6];
	__be16 type;
} __attribute__((packed));

struct vlan {
	__be16 tag, type;
};

struct ipv4 {
	__u8 version_length, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__be16 sum;
	__be32 from, to;
};

struct ipv6 {
	__be32 version_class_flow;
	__be16 length;
	__u8 next, hops;
	__be64 from[2], to[2];
} __attribute__((packed, aligned(4)));

/* What a packet carries. */
struct carried {
	__u32 at;    /* where its header begins, from that of IP */
	__u32 bytes; /* of the frame */
	__u8 protocol;
	__u8 cut; /* a fragment: WHOLE, FIRST, or LATER with no header */
};

enum { WHOLE, FIRST, LATER };
