#include "shared/observe/prometheus.h"

#include <inttypes.h>
#include <math.h>

static void write_head(struct buffer *out, const char *name, const char *help, const char *type)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Integers without an exponent, anything else so that it reads back as the same double. */
static void write_number(struct buffer *out, double value)
{
    if (isnan(value))
        buffer_append_text(out, "NaN");
    else if (isinf(value))
        buffer_append_text(out, value > 0 ? "+Inf" : "-Inf");
    else if (fabs(value) < 1e15 && floor(value) == value)
        buffer_printf(out, "%.0f", value);
    else
        buffer_printf(out, "%.17g", value);
}

void prometheus_counter(struct buffer *out, const char *name, const char *help, uint64_t value)
{
    write_head(out, name, help, "counter");
    buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}

void prometheus_gauge(struct buffer *out, const char *name, const char *help, double value)
{
    write_head(out, name, help, "gauge");
    buffer_printf(out, "%s ", name);
    write_number(out, value);
    buffer_append_text(out, "\n");
}

void prometheus_observe(struct prometheus_histogram *histogram, double seconds)
{
    unsigned i = 0;
    while (i < histogram->bound_count && seconds > histogram->bounds[i])
        i++;
    histogram->counts[i]++;
    histogram->sum += seconds;
}

void prometheus_histogram_add(struct prometheus_histogram *total,
                              const struct prometheus_histogram *part)
{
    for (unsigned i = 0; i <= total->bound_count; i++)
        total->counts[i] += part->counts[i];
    total->sum += part->sum;
}

void prometheus_histogram_write(struct buffer *out, const struct prometheus_histogram *histogram)
{
    const char *name = histogram->name;
    uint64_t count = 0;
    write_head(out, name, histogram->help, "histogram");
    for (unsigned i = 0; i < histogram->bound_count; i++) {
        count += histogram->counts[i];
        buffer_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, histogram->bounds[i], count);
    }
    count += histogram->counts[histogram->bound_count];
    buffer_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, count, name);
    write_number(out, histogram->sum);
    buffer_printf(out, "\n%s_count %" PRIu64 "\n", name, count);
}
