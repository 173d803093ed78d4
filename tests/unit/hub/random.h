/* The same numbers in every run, so that a failure can be repeated (xorshift64*). */
#ifndef MH_TEST_RANDOM_H
#define MH_TEST_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 1;

static inline void random_seed(uint64_t seed)
{
    random_state = seed ? seed : 1;
}

/* 0 … 2^31 - 1 */
static inline int random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (int)((random_state * UINT64_C(0x2545F4914F6CDD1D)) >> 33);
}

#endif
