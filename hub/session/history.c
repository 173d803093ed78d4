#include "hub/session/history.h"

#include <inttypes.h>
#include <string.h>

#include "hub/session/session.h"
#include "hub/session/subscription.h"

static void append_row(const struct pg_result *result, int row, struct buffer *out)
{
    size_t length = 0;
    const char *text = pg_result_text(result, row, 1, &length);
    buffer_append_text(out, "{\"data\":");
    buffer_append(out, text, length);
    buffer_printf(out, ",\"offset\":%" PRId64 "}", pg_result_i64(result, row, 0, 0));
}

static void open_answer(struct subscription *subscription, uint32_t id, struct buffer *out)
{
    const struct view *view = subscription->subscriber.view;
    protocol_open_reply(out, id, METHOD_HISTORY);
    buffer_append_text(out, "\"epoch\":");
    buffer_append_json_string(out, view->epoch, strlen(view->epoch));
    buffer_printf(out, ",\"offset\":%" PRId64 ",\"publications\":[", view->offset);
}

static void on_rows(void *owner, const struct pg_result *result)
{
    struct subscription *subscription = owner;
    struct session *session = subscription->session;
    struct history *history = &subscription->history;
    history->query = NULL;
    if (pg_result_failure(result) != PG_OK || !subscription->subscriber.view) {
        session_reply_error(session, history->command_id, PROTOCOL_ERROR_INTERNAL);
        return;
    }
    int rows = pg_result_rows(result);
    while (rows > 0 && pg_result_i64(result, rows - 1, 0, 0) > history->last)
        rows--;
    struct buffer *out = session_replies(session);
    open_answer(subscription, history->command_id, out);
    for (int i = 0; i < rows; i++) {
        if (i)
            buffer_append(out, ",", 1);
        append_row(result, history->reverse ? rows - 1 - i : i, out);
    }
    buffer_append_text(out, "]}}");
    session_flush(session);
}

/* The row before the first one wanted. Whoever joined a thread sees nothing from before. */
static int64_t begin_of(const struct subscription *subscription, const struct command *command,
                        int64_t rows)
{
    const struct view *view = subscription->subscriber.view;
    int64_t hidden = channel_hidden_to(&subscription->subscriber);
    int64_t after = command->has_since ? command->offset : 0;
    if (command->reverse)
        after = (command->has_since ? command->offset - 1 : view->offset) - rows;
    return after < hidden ? hidden : after;
}

static void ask(struct subscription *subscription, const struct command *command)
{
    struct session *session = subscription->session;
    struct history *history = &subscription->history;
    const struct view *view = subscription->subscriber.view;
    int64_t rows =
        command->limit < 0 || command->limit > HISTORY_MAX_ROWS ? HISTORY_MAX_ROWS : command->limit;
    history->command_id = command->id;
    history->reverse = command->reverse;
    history->last = command->reverse && command->has_since ? command->offset - 1 : view->offset;
    history->query =
        feed_db_log_read(session->sessions->channels->context.feeds->pool, subscription->name,
                         begin_of(subscription, command, rows), rows, on_rows, subscription);
    if (!history->query)
        session_reply_error(session, command->id, PROTOCOL_ERROR_INTERNAL);
}

void history_begin(struct subscription *subscription, const struct command *command)
{
    struct session *session = subscription->session;
    const struct view *view = subscription->subscriber.view;
    if (!view || !view->log) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_NOT_AVAILABLE);
    } else if (subscription->history.query) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_TOO_MANY_REQUESTS);
    } else if (command->has_since &&
               !view_epoch_is(view, command->epoch.bytes, command->epoch.length)) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_UNRECOVERABLE);
    } else if (command->limit == 0) {
        open_answer(subscription, command->id, session_replies(session));
        buffer_append_text(session_replies(session), "]}}");
    } else {
        ask(subscription, command);
    }
}

void history_drop(struct history *history)
{
    feed_query_drop(history->query);
    history->query = NULL;
}
