/* metrics-ingest: the HTTP front door. */
#include "ingest/ingest.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

/* A worker's life. */
static int run(void *owner)
{
    struct ingest *ingest = owner;
    int error = ingest_open(ingest);
    if (!error)
        workers_ready(ingest->workers);
    process_run(&ingest->process);
    return error ? 1 : 0;
}

static void on_reload(void *owner)
{
    struct ingest *ingest = owner;
    (void)ingest_reload_settings(ingest);
}

static void on_worker_lost(void *owner, void *slot)
{
    (void)owner;
    counters_reset_gauges(slot);
}

static int run_workers(struct ingest *ingest)
{
    const struct workers_options options = {
        .run = run, .on_reload = on_reload, .on_lost = on_worker_lost, .owner = ingest};
    struct workers *workers =
        workers_new((unsigned)ingest->settings.workers, sizeof(struct counters));
    for (unsigned i = 0; i < workers_count(workers); i++)
        counters_init(workers_slot(workers, i));
    ingest->workers = workers;
    int status = workers_run(workers, &options);
    ingest_done(ingest);
    workers_free(workers);
    return status;
}

int main(int argc, char **argv)
{
    static struct ingest ingest;
    enum log_level level;
    log_init("metrics-ingest", LOG_LEVEL_INFO);
    switch (settings_load(&ingest_settings_table, argc, argv, &ingest.settings)) {
    case SETTINGS_HELP_SHOWN:
        return 0;
    case SETTINGS_INVALID:
        return 2;
    case SETTINGS_OK:
    default:
        break;
    }
    if (ingest_settings_check(&ingest.settings) ||
        log_level_parse(ingest.settings.log_level, &level))
        return 2;
    log_init("metrics-ingest", level);
    ingest.argc = argc;
    ingest.argv = argv;
    ingest.program_started_us = time_wall_us();
    int status = run_workers(&ingest);
    log_info("stopped");
    return status;
}
