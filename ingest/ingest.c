#include "ingest/ingest.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "ingest/http/events_route.h"
#include "ingest/http/forwarded.h"
#include "ingest/http/health.h"
#include "ingest/http/router.h"
#include "shared/access/token.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define CONTROL_LINKS 2
#define ACCESS_LINKS 2
#define ACCESS_QUEUE 128
#define CONTROL_QUEUE 512
#define BACKGROUND_QUEUE 8
#define REJECTS_QUEUE 20000
#define SIGN_IN_ADDRESSES 10000
#define MESSAGE_USERS 10000
#define PASSWORD_JOBS 32
#define DRAIN_TICK_MS 20
/* For requests that are on their way over connections that are open. */
#define DRAIN_LEAST_MS INT64_C(200)
#define GAUGES_MS 500
/* A worker that finds no Postgres takes connections all the same after this, to say so. */
#define LISTEN_LATEST_US (INT64_C(5) * 1000 * 1000)

/* All of them: a server that accepts and never answers takes the links down one after the other,
 * and the lanes may have nothing to ask. */
static bool postgres_up(const struct ingest *ingest)
{
    return batcher_lanes_up(ingest->batcher) == (unsigned)ingest->settings.lanes &&
           pg_pool_up(ingest->control) && pg_pool_up(ingest->access);
}

bool ingest_ready(const struct ingest *ingest)
{
    return !ingest->drain_deadline_us && postgres_up(ingest);
}

/* Says once when something goes away and once when it is back. */
static void note_state(int64_t *since_us, bool up, const char *name)
{
    if (up && *since_us) {
        log_info("%s is up after %.1f s", name, (double)(time_wall_us() - *since_us) * 1e-6);
        *since_us = 0;
    } else if (!up && !*since_us) {
        log_warning("%s is down", name);
        *since_us = time_wall_us();
    }
}

static int take_clients(struct ingest *ingest)
{
    int error = http_server_listen(ingest->server);
    if (error)
        log_error("cannot listen on %s: %s", ingest->settings.listen, strerror(-error));
    return error;
}

static void on_postgres_state(void *owner)
{
    struct ingest *ingest = owner;
    if (!ingest->batcher || ingest->closing_parts)
        return;
    note_state(&ingest->postgres_down_since_us, postgres_up(ingest), "postgres");
    if (ingest->server && postgres_up(ingest) && take_clients(ingest))
        process_stop(&ingest->process);
}

static void on_control_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    (void)link;
    (void)state;
    on_postgres_state(owner);
}

static void on_redis_state(void *owner)
{
    struct ingest *ingest = owner;
    if (ingest->publisher && !ingest->closing_parts)
        note_state(&ingest->redis_down_since_us, publisher_up(ingest->publisher), "redis");
}

static void on_background_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    struct ingest *ingest = owner;
    (void)link;
    if (state == PG_LINK_UP && ingest->maintenance)
        maintenance_run(ingest->maintenance);
}

static void on_feed(void *owner, const struct feed_message *message)
{
    struct ingest *ingest = owner;
    publisher_send(ingest->publisher, message);
}

static int open_storage(struct ingest *ingest)
{
    const struct ingest_settings *settings = &ingest->settings;
    uv_loop_t *loop = &ingest->process.loop;
    struct pg_link_options control = {.dsn = settings->database,
                                      .name = "metrics-ingest control",
                                      .max_queue = CONTROL_QUEUE,
                                      .on_state = on_control_state,
                                      .owner = ingest};
    struct pg_link_options access = {.dsn = settings->database,
                                     .name = "metrics-ingest access",
                                     .max_queue = ACCESS_QUEUE,
                                     .on_state = on_control_state,
                                     .owner = ingest};
    struct pg_link_options background = {.dsn = settings->database,
                                         .name = "metrics-ingest background",
                                         .max_queue = BACKGROUND_QUEUE,
                                         .on_state = on_background_state,
                                         .owner = ingest};
    struct batcher_options batcher = {.database = settings->database,
                                      .lanes = (unsigned)settings->lanes,
                                      .max_queued = (uint32_t)settings->queue_events,
                                      .max_batch = 1000,
                                      .min_beside = 200,
                                      .counters = ingest->counters,
                                      .on_state = on_postgres_state,
                                      .on_feed = on_feed,
                                      .owner = ingest};
    int error = pg_pool_open(loop, &control, CONTROL_LINKS, &ingest->control);
    if (!error)
        error = pg_pool_open(loop, &access, ACCESS_LINKS, &ingest->access);
    if (!error)
        error = pg_link_open(loop, &background, &ingest->background);
    if (!error)
        error = batcher_open(loop, &batcher, &ingest->batcher);
    if (!error)
        error = maintenance_open(loop, ingest->background, &ingest->maintenance);
    if (!error)
        error = request_log_open(loop, ingest->background, ingest->counters, &ingest->request_log);
    if (!error)
        error = key_usage_open(loop, ingest->background, ingest->publisher, &ingest->key_usage);
    if (error)
        log_error("database: %s", strerror(-error));
    return error;
}

static int open_redis(struct ingest *ingest)
{
    struct publisher_options options = {.url = ingest->settings.redis,
                                        .prefix = ingest->settings.redis_prefix,
                                        .counters = ingest->counters,
                                        .on_state = on_redis_state,
                                        .owner = ingest};
    int error = publisher_open(&ingest->process.loop, &options, &ingest->publisher);
    if (error)
        log_error("redis: %s", error == -EINVAL ? "not a URL" : strerror(-error));
    return error;
}

static struct http_limits limits_of(const struct ingest *ingest)
{
    const struct ingest_settings *settings = &ingest->settings;
    return (struct http_limits){
        .max_body = (unsigned)settings->max_body,
        .max_memory = (size_t)settings->max_memory,
        .header_timeout_ms = (uint64_t)settings->header_timeout,
        .body_timeout_ms = (uint64_t)settings->body_timeout,
        .idle_timeout_ms = (uint64_t)settings->idle_timeout,
        .trusted = ingest->trusted,
    };
}

static int open_server(struct ingest *ingest)
{
    const struct ingest_settings *settings = &ingest->settings;
    struct http_server_options options = {
        .listen = settings->listen,
        .max_connections = (unsigned)settings->max_connections,
        .max_header = (unsigned)settings->max_header,
        .limits = limits_of(ingest),
        .on_header = router_on_header,
        .on_request = router_on_request,
        .on_done = router_on_done,
        .on_refused = router_on_refused,
        .owner = ingest,
    };
    int port = 0;
    int error = http_server_open(&ingest->process.loop, &options, &ingest->server, &port);
    if (error) {
        log_error("cannot listen on %s: %s", settings->listen, strerror(-error));
        return error;
    }
    log_info("listening on %s (port %d), %u files of the web client", settings->listen, port,
             files_count(ingest->files));
    return ingest->process.supervised ? 0 : take_clients(ingest);
}

static int read_token_secret(struct ingest *ingest)
{
    const char *path = ingest->settings.token_secret_file;
    int error = secret_read(path, &ingest->token_secret, &ingest->token_secret_length);
    if (!error && ingest->token_secret_length < TOKEN_SECRET_MIN_BYTES) {
        log_error("token_secret_file %s holds less than %d bytes", path, TOKEN_SECRET_MIN_BYTES);
        return -EINVAL;
    }
    if (error)
        log_error("token_secret_file %s: %s", path,
                  error == -EPERM ? "must not be readable by group or others (chmod 600)"
                                  : strerror(-error));
    return error;
}

/* All of the provider or nothing of it. */
static int check_identity_settings(const struct ingest_settings *settings)
{
    const char *url = settings->identity_url;
    bool any = *settings->identity_issuer || *settings->identity_audience ||
               *settings->identity_keys_file || *url;
    if (any && !(*settings->identity_issuer && *settings->identity_audience &&
                 *settings->identity_keys_file)) {
        log_error("identity_issuer, identity_audience and identity_keys_file go together");
        return -EINVAL;
    }
    bool here = strncmp(url, "http://127.0.0.1", 16) == 0 && strchr(":/", url[16]);
    if (*url && strncmp(url, "https://", 8) != 0 && !here) {
        log_error("identity_url must begin with https://: %s", url);
        return -EINVAL;
    }
    return 0;
}

/* The old keys stay unless there are new ones. */
static int read_identity_keys(struct ingest *ingest)
{
    struct identity_keys *keys = NULL;
    const char *path = ingest->settings.identity_keys_file;
    int error = *path ? identity_keys_load(path, &keys) : 0;
    if (error)
        return error;
    identity_keys_free(ingest->identity_keys);
    ingest->identity_keys = keys;
    return 0;
}

static void set_rates(struct ingest *ingest)
{
    double sign_ins = (double)ingest->settings.sign_in_rate;
    double users = (double)ingest->settings.sign_in_user_rate;
    double messages = (double)ingest->settings.message_rate;
    rate_table_set_rate(ingest->sign_ins, sign_ins / 60, sign_ins);
    rate_table_set_rate(ingest->sign_in_users, users / 60, users);
    rate_table_set_rate(ingest->messages, messages, messages);
}

/* Everything that is not on the loop. */
static int open_local(struct ingest *ingest)
{
    const struct ingest_settings *settings = &ingest->settings;
    const char *host = strstr(settings->public_url, "://");
    size_t length = host ? (size_t)(host - settings->public_url) + 3 + strcspn(host + 3, "/?#") : 0;
    if (length == 0 || length >= sizeof(ingest->origin)) {
        log_error("public_url is not a URL: %s", settings->public_url);
        return -EINVAL;
    }
    memcpy(ingest->origin, settings->public_url, length);
    ingest->secure_cookie = strncasecmp(settings->public_url, "https:", 6) == 0;
    events_limits_init(ingest);
    ingest->sign_ins = rate_table_new(0, 0, SIGN_IN_ADDRESSES);
    ingest->sign_in_users = rate_table_new(0, 0, SIGN_IN_ADDRESSES);
    ingest->passwords =
        passwords_new(&ingest->process.loop, PASSWORD_JOBS, &ingest->counters->password_hashes);
    ingest->messages = rate_table_new(0, 0, MESSAGE_USERS);
    set_rates(ingest);
    int error = forwarded_parse_trusted(settings->trusted_proxies, &ingest->trusted);
    if (!error)
        error = read_token_secret(ingest);
    if (!error)
        error = check_identity_settings(settings);
    if (!error)
        error = read_identity_keys(ingest);
    if (error)
        return error;
    error = files_load(settings->web_root, settings->hub_url, &ingest->files);
    if (error)
        log_error("web_root %s: %s", settings->web_root, strerror(-error));
    return error;
}

/* The parts close at their own pace; the server last, because the others still answer requests. */
static void on_part_closed(void *owner)
{
    struct ingest *ingest = owner;
    ingest->closing_parts--;
    if (ingest->closing_parts == 1 && ingest->server) {
        http_server_close(ingest->server, on_part_closed, ingest);
        ingest->server = NULL;
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void ingest_close(struct ingest *ingest)
{
    const void *const parts[] = {ingest->batcher,     ingest->control,      ingest->access,
                                 ingest->background,  ingest->maintenance,  ingest->key_watch,
                                 ingest->request_log, ingest->key_usage,    ingest->publisher,
                                 ingest->passwords,   ingest->access_expiry};
    ingest->closing_parts = 3; /* the two timers and, if it came up, the server */
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        ingest->closing_parts += parts[i] != NULL;
    if (ingest->batcher)
        batcher_close(ingest->batcher, on_part_closed, ingest);
    if (ingest->passwords)
        passwords_close(ingest->passwords, on_part_closed, ingest);
    if (ingest->control)
        pg_pool_close(ingest->control, on_part_closed, ingest);
    if (ingest->access)
        pg_pool_close(ingest->access, on_part_closed, ingest);
    if (ingest->background)
        pg_link_close(ingest->background, on_part_closed, ingest);
    if (ingest->maintenance)
        maintenance_close(ingest->maintenance, on_part_closed, ingest);
    if (ingest->key_watch)
        pg_poll_close(ingest->key_watch, on_part_closed, ingest);
    if (ingest->access_expiry)
        pg_poll_close(ingest->access_expiry, on_part_closed, ingest);
    if (ingest->publisher)
        publisher_close(ingest->publisher, on_part_closed, ingest);
    if (ingest->request_log)
        request_log_close(ingest->request_log, on_part_closed, ingest);
    if (ingest->key_usage)
        key_usage_close(ingest->key_usage, on_part_closed, ingest);
    ingest->request_log = NULL; /* requests that end later are not recorded */
    ingest->key_usage = NULL;
    uv_close((uv_handle_t *)&ingest->drain, on_timer_closed);
    uv_close((uv_handle_t *)&ingest->gauges, on_timer_closed);
}

/* Whether something is still being written down. Both are asked, since both have to begin. */
static bool flush_records(struct ingest *ingest)
{
    bool requests = request_log_flush(ingest->request_log);
    bool use = key_usage_flush(ingest->key_usage);
    return requests || use;
}

static void on_drain_tick(uv_timer_t *timer)
{
    struct ingest *ingest = timer->data;
    int64_t now_us = time_monotonic_us();
    bool late = now_us >= ingest->drain_deadline_us;
    unsigned open = http_server_open_requests(ingest->server);
    if (!late && (open > 0 || now_us < ingest->drain_least_us || flush_records(ingest)))
        return;
    if (open)
        log_warning("%u requests were cut off after the drain timeout", open);
    uv_timer_stop(timer);
    ingest_close(ingest);
}

static void on_stop(void *owner)
{
    struct ingest *ingest = owner;
    if (!ingest->server) { /* never came up */
        ingest_close(ingest);
        return;
    }
    http_server_drain(ingest->server);
    ingest->drain_least_us = time_monotonic_us() + DRAIN_LEAST_MS * 1000;
    ingest->drain_deadline_us = time_monotonic_us() + ingest->settings.drain_timeout * 1000;
    uv_timer_start(&ingest->drain, on_drain_tick, 0, DRAIN_TICK_MS);
}

static int check_file(const struct ingest *ingest)
{
    struct ingest_settings settings;
    if (settings_load(&ingest_settings_table, ingest->argc, ingest->argv, &settings) != SETTINGS_OK)
        return -EINVAL;
    int error = ingest_settings_check(&settings);
    settings_done(&ingest_settings_table, &settings);
    return error;
}

int ingest_reload_settings(struct ingest *ingest)
{
    enum log_level level;
    int error = check_file(ingest);
    if (!error)
        error =
            settings_reload(&ingest_settings_table, ingest->argc, ingest->argv, &ingest->settings);
    if (error) {
        log_warning("settings are unchanged");
        return error;
    }
    if (log_level_parse(ingest->settings.log_level, &level) == 0)
        log_init("metrics-ingest", level);
    log_info("settings were read again");
    return 0;
}

static void on_reload(void *owner)
{
    struct ingest *ingest = owner;
    struct networks *trusted, *before = ingest->trusted;
    if (ingest_reload_settings(ingest) ||
        forwarded_parse_trusted(ingest->settings.trusted_proxies, &trusted))
        return;
    ingest->trusted = trusted;
    struct http_limits limits = limits_of(ingest);
    http_server_set_limits(ingest->server, &limits);
    networks_free(before);
    batcher_set_max_queued(ingest->batcher, (uint32_t)ingest->settings.queue_events);
    set_rates(ingest);
    events_limits_init(ingest);
    if (read_identity_keys(ingest))
        log_warning("the identity provider's keys are unchanged");
}

static void on_gauges(uv_timer_t *timer)
{
    struct ingest *ingest = timer->data;
    health_update_gauges(ingest);
    if (time_monotonic_us() > ingest->listen_latest_us && take_clients(ingest))
        process_stop(&ingest->process);
}

int ingest_open(struct ingest *ingest)
{
    ingest->process.on_stop = on_stop;
    ingest->process.on_reload = on_reload;
    ingest->process.owner = ingest;
    ingest->started_us = time_wall_us();
    ingest->listen_latest_us = time_monotonic_us() + LISTEN_LATEST_US;
    ingest->process.supervised = workers_supervised(ingest->workers);
    ingest->counters = workers_own_slot(ingest->workers);
    int error = process_init(&ingest->process);
    if (error) {
        log_error("cannot start: %s", strerror(-error));
        return error;
    }
    uv_timer_init(&ingest->process.loop, &ingest->drain);
    uv_timer_init(&ingest->process.loop, &ingest->gauges);
    ingest->drain.data = ingest->gauges.data = ingest;
    ingest->postgres_down_since_us = ingest->redis_down_since_us = ingest->started_us;
    error = open_local(ingest);
    if (!error)
        error = open_redis(ingest);
    if (!error)
        error = open_storage(ingest);
    if (!error) {
        ingest->keys = keys_new(ingest->control, ingest->counters);
        ingest->rejects = rejects_new(ingest->control, ingest->counters, REJECTS_QUEUE);
        error = key_watch_open(&ingest->process.loop, ingest->control, ingest->keys,
                               &ingest->key_watch);
    }
    if (!error)
        error = access_expiry_open(&ingest->process.loop, ingest->control, ingest->publisher,
                                   &ingest->access_expiry);
    if (!error) {
        error = open_server(ingest);
    }
    if (!error && ingest->process.supervised)
        uv_timer_start(&ingest->gauges, on_gauges, GAUGES_MS, GAUGES_MS);
    if (error)
        process_stop(&ingest->process);
    return error;
}

void ingest_done(struct ingest *ingest)
{
    keys_free(ingest->keys);
    rejects_free(ingest->rejects);
    files_free(ingest->files);
    networks_free(ingest->trusted);
    rate_table_free(ingest->sign_ins);
    rate_table_free(ingest->sign_in_users);
    rate_table_free(ingest->messages);
    identity_keys_free(ingest->identity_keys);
    if (ingest->token_secret)
        secret_free(ingest->token_secret, ingest->token_secret_length);
    settings_done(&ingest_settings_table, &ingest->settings);
}
