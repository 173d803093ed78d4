#include "ingest/ingest_settings.h"

#include <errno.h>

#include "ingest/http/forwarded.h"
#include "shared/base/log.h"
#include "shared/loop/workers.h"

#define NAMED(name, kind) #name, SETTING_##kind, offsetof(struct ingest_settings, name)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

/* Name, default, bounds, taken over on SIGHUP, secret, help. */
static const struct setting settings[] = {
    {NAMED(listen, TEXT), "127.0.0.1:8080", 0, 0, false, false,
     "Address and port of the HTTP front door"},
    {NAMED(workers, INTEGER), "1", 1, WORKERS_MAX, false, false,
     "Processes that share the port; limits, rates and connections to Postgres and Redis are those "
     "of each"},
    {NAMED(public_url, TEXT), "http://127.0.0.1:8080", 0, 0, false, false,
     "URL under which browsers reach this server; its origin may sign in"},
    {NAMED(hub_url, TEXT), "ws://127.0.0.1:8081/connection/websocket", 0, 0, false, false,
     "WebSocket URL of the hub, told to browsers"},
    {NAMED(database, TEXT), NULL, 0, 0, false, true, "Postgres connection string (role mh_ingest)"},
    {NAMED(redis, TEXT), "redis://127.0.0.1:6379", 0, 0, false, true,
     "redis://[user:password@]address:port[/db], unix:///path or redis+sentinel://"
     "[user:password@]address:port,.../master[/db][?sentinel=[user:]password]"},
    {NAMED(redis_prefix, TEXT), "mh:", 0, 0, false, false, "Put before every Redis channel"},
    {NAMED(token_secret_file, TEXT), NULL, 0, 0, false, false,
     "File with the secret that signs session tokens, mode 0600"},
    {NAMED(web_root, TEXT), "", 0, 0, false, false,
     "Folder of the built web client; empty: none is served"},
    {NAMED(identity_issuer, TEXT), "", 0, 500, false, false,
     "Issuer of an identity provider whose ID tokens sign in; empty: none"},
    {NAMED(identity_audience, TEXT), "", 0, 500, false, false,
     "Client id that those tokens must be for"},
    {NAMED(identity_keys_file, TEXT), "", 0, 0, false, false,
     "JWKS file with the provider's public keys (RS256, EdDSA), read again on SIGHUP"},
    {NAMED(identity_url, TEXT), "", 0, 1000, false, false,
     "The provider's authorization endpoint; empty: the sign-in page does not offer it"},
    {NAMED(identity_staff, BOOLEAN), "off", 0, 0, false, false,
     "Whether the provider may sign in staff, not only members of partners"},
    {NAMED(max_body, BYTES), "1M", 1024, 64 << 20, true, false, "Largest request body"},
    {NAMED(max_memory, BYTES), "256M", 1 << 20, INT64_C(64) << 30, true, false,
     "Memory for the bodies of all requests together; past it 503"},
    {NAMED(max_batch, INTEGER), "1000", 1, 10000, true, false, "Most events in one request"},
    {NAMED(max_header, BYTES), "16k", 1024, 256 << 10, false, false,
     "Largest request line and headers together"},
    {NAMED(max_depth, INTEGER), "16", 2, 64, true, false, "Deepest nesting of an event's JSON"},
    {NAMED(max_connections, INTEGER), "4096", 1, 1000000, false, false,
     "Most connections of each worker at a time"},
    {NAMED(rate, INTEGER), "20000", 0, 10000000, true, false,
     "Events per second, of each worker, of a key that has no limit of its own; 0: any number"},
    {NAMED(queue_events, INTEGER), "50000", 1, 10000000, true, false,
     "Most events that wait for Postgres; past it 503"},
    {NAMED(lanes, INTEGER), "4", 1, 64, false, false,
     "Postgres connections of each worker that store events"},
    {NAMED(trusted_proxies, TEXT), "", 0, 0, true, false,
     "Addresses and networks of reverse proxies, parted by commas: what they say in "
     "X-Forwarded-For counts as a request's address; empty: none"},
    {NAMED(sign_in_rate, INTEGER), "10", 1, 100000, true, false,
     "Sign-ins per minute and address, of each worker"},
    {NAMED(sign_in_user_rate, INTEGER), "10", 1, 100000, true, false,
     "Passwords and codes tried per minute for one person, of each worker"},
    {NAMED(message_rate, INTEGER), "20", 1, 100000, true, false,
     "Messages per second of a user, of each worker"},
    {NAMED(token_ttl, DURATION), "10m", 10 * SECOND, DAY, true, false,
     "Life of a token for the hub"},
    {NAMED(session_ttl, DURATION), "12h", 60 * SECOND, 30 * DAY, true, false,
     "Life of a browser's session"},
    {NAMED(stuck_after, DURATION), "15m", SECOND, 30 * DAY, false, false,
     "An open job older than this counts as stuck; the same as the hub's"},
    {NAMED(header_timeout, DURATION), "10s", SECOND, HOUR, true, false,
     "Time for a new connection's first header"},
    {NAMED(body_timeout, DURATION), "30s", SECOND, HOUR, true, false,
     "Time for a body, and again for taking the answer"},
    {NAMED(idle_timeout, DURATION), "75s", SECOND, HOUR, true, false,
     "Time until a connection's next header"},
    {NAMED(drain_timeout, DURATION), "10s", SECOND, HOUR, true, false,
     "Time for open requests after SIGTERM"},
    {NAMED(log_level, TEXT), "info", 0, 0, true, false, "debug, info, warning or error"},
};

int ingest_settings_check(const struct ingest_settings *values)
{
    enum log_level level;
    struct networks *trusted;
    if (log_level_parse(values->log_level, &level)) {
        log_error("log_level must be debug, info, warning or error");
        return -EINVAL;
    }
    if (forwarded_parse_trusted(values->trusted_proxies, &trusted)) {
        log_error("trusted_proxies must be at most %u addresses or networks, parted by commas",
                  NETWORKS_MAX);
        return -EINVAL;
    }
    networks_free(trusted);
    return 0;
}

const struct settings_table ingest_settings_table = {
    .program = "metrics-ingest",
    .summary = "HTTP front door of metrics-hub: takes events, serves the web client",
    .settings = settings,
    .count = ARRAY_LENGTH(settings),
};
