#include "shared/observe/ddsketch.h"

#include <math.h>

#define GAMMA (1.01 / 0.99)
#define LONGEST_MS (400LL * 86400 * 1000)

int ddsketch_bin(int64_t ms)
{
    if (ms <= 1)
        return 0;
    if (ms > LONGEST_MS)
        ms = LONGEST_MS;
    return (int)ceil(log((double)ms) / log(GAMMA));
}

double ddsketch_value(int bin)
{
    return 2 * pow(GAMMA, bin) / (GAMMA + 1);
}

void ddsketch_add(struct ddsketch *sketch, int bin, int64_t n)
{
    sketch->counts[bin] += n;
    sketch->total += n;
}

double ddsketch_quantile(const struct ddsketch *sketch, double p)
{
    if (sketch->total <= 0)
        return -1;
    int64_t rank = (int64_t)floor(p * (double)(sketch->total - 1));
    int64_t seen = 0;
    for (int bin = 0; bin < DDSKETCH_BINS; bin++) {
        seen += sketch->counts[bin];
        if (seen > rank)
            return ddsketch_value(bin);
    }
    return ddsketch_value(DDSKETCH_BINS - 1);
}
