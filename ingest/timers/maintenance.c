#include "ingest/timers/maintenance.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

#define INTERVAL_MS 30000

struct maintenance {
    struct pg_link *link;
    uv_timer_t timer;
    bool running, anchoring;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_result(void *owner, const struct pg_result *result)
{
    struct maintenance *maintenance = owner;
    maintenance->running = false;
    if (pg_result_failure(result) != PG_OK) {
        log_warning("maintenance failed: %s %s", pg_result_sqlstate(result),
                    pg_result_message(result));
        return;
    }
    const char *report = pg_result_rows(result) ? pg_result_text(result, 0, 0, NULL) : NULL;
    log_debug("maintenance: %s", report ? report : "");
}

/* Who can change the trail in the database cannot change this line in the log. */
static void on_anchors(void *owner, const struct pg_result *result)
{
    struct maintenance *maintenance = owner;
    maintenance->anchoring = false;
    if (pg_result_failure(result) != PG_OK) {
        log_warning("audit anchors failed: %s %s", pg_result_sqlstate(result),
                    pg_result_message(result));
        return;
    }
    for (int row = 0; row < pg_result_rows(result); row++)
        log_info("audit anchor %s %s %s", pg_result_text(result, row, 0, NULL),
                 pg_result_text(result, row, 1, NULL), pg_result_text(result, row, 2, NULL));
}

static void write_anchors(struct maintenance *maintenance)
{
    struct pg_query query = {
        .name = "audit_anchor",
        .statement = "SELECT chain, seq, hash FROM ops.audit_anchor()",
        .on_result = on_anchors,
        .owner = maintenance,
    };
    if (maintenance->anchoring || pg_link_state(maintenance->link) != PG_LINK_UP)
        return;
    maintenance->anchoring = pg_link_query(maintenance->link, &query) == 0;
}

void maintenance_run(struct maintenance *maintenance)
{
    struct pg_query query = {
        .name = "maintain",
        .statement = "SELECT ops.maintain()",
        .on_result = on_result,
        .owner = maintenance,
    };
    write_anchors(maintenance);
    if (maintenance->running || pg_link_state(maintenance->link) != PG_LINK_UP)
        return;
    maintenance->running = pg_link_query(maintenance->link, &query) == 0;
}

static void on_timer(uv_timer_t *timer)
{
    maintenance_run(timer->data);
}

int maintenance_open(uv_loop_t *loop, struct pg_link *link, struct maintenance **ret_maintenance)
{
    struct maintenance *maintenance = memory_zalloc(sizeof(*maintenance));
    maintenance->link = link;
    int error = uv_timer_init(loop, &maintenance->timer);
    if (error) {
        free(maintenance);
        return error;
    }
    maintenance->timer.data = maintenance;
    uv_timer_start(&maintenance->timer, on_timer, INTERVAL_MS, INTERVAL_MS);
    *ret_maintenance = maintenance;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct maintenance *maintenance = handle->data;
    if (maintenance->on_closed)
        maintenance->on_closed(maintenance->closed_owner);
    free(maintenance);
}

void maintenance_close(struct maintenance *maintenance, void (*on_closed)(void *owner), void *owner)
{
    maintenance->on_closed = on_closed;
    maintenance->closed_owner = owner;
    uv_close((uv_handle_t *)&maintenance->timer, on_timer_closed);
}
