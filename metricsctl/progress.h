/* Progress on stderr: a bar on a terminal, otherwise one plain line per tenth of the way. */
#ifndef MH_PROGRESS_H
#define MH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label; /* static */
    uint64_t total;
    bool terminal;
    int64_t started_us, drawn_us;
    unsigned tenths; /* lines written so far */
};

void progress_init(struct progress *progress, const char *label, uint64_t total);
/* Cheap when nothing is to be drawn. */
void progress_show(struct progress *progress, uint64_t done);
void progress_done(struct progress *progress, uint64_t done);

#endif
