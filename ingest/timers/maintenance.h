/* Every 30 s asks Postgres to keep house (ops.maintain): partitions ahead of time, retention,
 * expired sessions. Also lets it write down the heads of the audit chains, at most every five
 * minutes (ops.audit_anchor), and logs them: `audit anchor CHAIN SEQ HASH`. Both functions take an
 * advisory lock, so any number of ingests may ask. */
#ifndef MH_INGEST_MAINTENANCE_H
#define MH_INGEST_MAINTENANCE_H

#include <uv.h>

#include "shared/postgres/pg_link.h"

struct maintenance;

/* `link` is borrowed and must be closed first. */
MUST_CHECK int maintenance_open(uv_loop_t *loop, struct pg_link *link,
                                struct maintenance **ret_maintenance);
/* Runs it now unless it runs; for the moment when Postgres comes up. */
void maintenance_run(struct maintenance *maintenance);
void maintenance_close(struct maintenance *maintenance, void (*on_closed)(void *owner),
                       void *owner);

#endif
