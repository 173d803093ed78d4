#include "metricsctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/base/time.h"

#define BAR_WIDTH 30
#define REDRAW_US 100000

void progress_init(struct progress *progress, const char *label, uint64_t total)
{
    *progress = (struct progress){.label = label,
                                  .total = total ? total : 1,
                                  .terminal = isatty(STDERR_FILENO) == 1,
                                  .started_us = time_monotonic_us()};
}

static void draw_bar(const struct progress *progress, uint64_t done, double seconds)
{
    char bar[BAR_WIDTH + 1];
    unsigned filled = (unsigned)(done * BAR_WIDTH / progress->total);
    double rate = seconds > 0 ? (double)done / seconds : 0;
    double left = rate > 0 ? (double)(progress->total - done) / rate : 0;

    for (unsigned i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r%s [%s] %3u %%  %" PRIu64 "/%" PRIu64 "  %.0f/s  %.0f s left \033[K",
            progress->label, bar, (unsigned)(done * 100 / progress->total), done, progress->total,
            rate, left);
}

void progress_show(struct progress *progress, uint64_t done)
{
    int64_t now_us = time_monotonic_us();
    double seconds = (double)(now_us - progress->started_us) / 1e6;

    if (done > progress->total)
        done = progress->total;
    if (progress->terminal) {
        if (now_us - progress->drawn_us >= REDRAW_US)
            draw_bar(progress, done, seconds);
        else
            return;
        progress->drawn_us = now_us;
    } else if (done * 10 / progress->total > progress->tenths) {
        progress->tenths = (unsigned)(done * 10 / progress->total);
        fprintf(stderr, "%s %3u %%  %" PRIu64 "/%" PRIu64 "  %.1f s\n", progress->label,
                progress->tenths * 10, done, progress->total, seconds);
    }
}

void progress_done(struct progress *progress, uint64_t done)
{
    progress->drawn_us = 0;
    progress_show(progress, done);
    if (progress->terminal)
        fputc('\n', stderr);
}
