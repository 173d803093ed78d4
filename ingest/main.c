/* metrics-ingest: the HTTP front door. */
#include "ingest/ingest.h"
#include "shared/base/log.h"

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
    if (log_level_parse(ingest.settings.log_level, &level)) {
        log_error("log_level must be debug, info, warning or error");
        return 2;
    }
    log_init("metrics-ingest", level);
    ingest.argc = argc;
    ingest.argv = argv;
    int error = ingest_open(&ingest);
    process_run(&ingest.process);
    ingest_done(&ingest);
    log_info("stopped");
    return error ? 1 : 0;
}
