/* Seedable random numbers for made-up traffic; not for secrets (splitmix64, Steele et al. 2014). */
#ifndef MH_RANDOM_H
#define MH_RANDOM_H

#include <math.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_u64(struct random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static inline double random_unit(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

static inline int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)(random_unit(random) * (double)(high - low + 1));
}

static inline double random_exponential(struct random *random, double mean)
{
    return -mean * log1p(-random_unit(random));
}

static inline double random_lognormal(struct random *random, double median, double sigma)
{
    double radius = sqrt(-2 * log1p(-random_unit(random)));

    return median * exp(sigma * radius * cos(6.283185307179586 * random_unit(random)));
}

#endif
