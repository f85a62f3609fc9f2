/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Who sends most. A prefix that is new takes the place of the one with the least count of
 * its line, and its count (Metwally, Agrawal, El Abbadi: Space-Saving): whoever sends more
 * than a share is in the table, and no count is too low. */
#pragma once
#include "judge.h"

#define TOP_IPV4 (1ULL << 63)

/* Not static: the verifier judges it by itself. */
__noinline int haechi_sample(__u64 prefix, __u64 h)
{
	__u32 at = h & (TOP_LINES - 1), least = 0;
	struct mosts *l = bpf_map_lookup_elem(&haechi_top, &at);

	if (!l)
		return 0;
	for (int i = 0; i < 4; i++) {
		if (l->of[i].prefix == prefix) {
			l->of[i].count++;
			return 0;
		}
		if (l->of[i].count < l->of[least & 3].count)
			least = i;
	}
	l->of[least & 3].prefix = prefix;
	l->of[least & 3].over = l->of[least & 3].count;
	l->of[least & 3].count++;
	return 0;
}

/* Whether that packet of a class, on this processor, is one of the sample: spread out, so
 * that no rhythm of the sender's meets it. */
static __always_inline int sampled(__u64 n)
{
	return (__u32)n * 2654435769u >> (32 - SAMPLE) == 0;
}
