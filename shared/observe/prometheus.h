/* Prometheus text exposition format 0.0.4, written into a buffer. */
#ifndef MH_PROMETHEUS_H
#define MH_PROMETHEUS_H

#include <stdint.h>

#include "shared/base/buffer.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

void prometheus_counter(struct buffer *out, const char *name, const char *help, uint64_t value);
void prometheus_gauge(struct buffer *out, const char *name, const char *help, double value);

/* Histogram with fixed bounds, of durations in seconds. */
#define PROMETHEUS_MAX_BOUNDS 16
struct prometheus_histogram {
    const char *name, *help;
    unsigned bound_count;
    double bounds[PROMETHEUS_MAX_BOUNDS];
    uint64_t counts[PROMETHEUS_MAX_BOUNDS + 1];
    double sum;
};
void prometheus_observe(struct prometheus_histogram *histogram, double seconds);
/* Both of the same bounds. */
void prometheus_histogram_add(struct prometheus_histogram *total,
                              const struct prometheus_histogram *part);
void prometheus_histogram_write(struct buffer *out, const struct prometheus_histogram *histogram);

#endif
