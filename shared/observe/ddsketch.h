/* DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019)
 * with a fixed relative error of 1 %: gamma = 1.01 / 0.99, bin = ceil(ln(ms) / ln(gamma)). Merging
 * is addition of counts, so that SQL (SUM(n) GROUP BY bin) and this module agree exactly. */
#ifndef MH_DDSKETCH_H
#define MH_DDSKETCH_H

#include <stdint.h>

/* Bin 0 holds 0 and 1 ms; the last one is 400 days. */
#define DDSKETCH_BINS 1216

struct ddsketch {
    int64_t total;
    int64_t counts[DDSKETCH_BINS];
};

/* Values outside 0 … 400 days are clamped. */
int ddsketch_bin(int64_t ms);
/* The value that stands for a bin: 2 gamma^bin / (gamma + 1), in ms. */
double ddsketch_value(int bin);
/* n may be negative (a correction). */
void ddsketch_add(struct ddsketch *sketch, int bin, int64_t n);
/* Element floor(p * (total - 1)) of the sorted values, in ms; -1 when empty. 0 <= p <= 1. */
double ddsketch_quantile(const struct ddsketch *sketch, double p);

#endif
