/* redis-server processes of a test's own, in folders of their own, from $PATH. They end with the
 * test program. */
#ifndef MH_REDIS_HARNESS_H
#define MH_REDIS_HARNESS_H

#include <stddef.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid;
    int port;
    char folder[64], socket[128], url[160]; /* of the socket */
};

/* Makes the folder; skips the test where there is no redis-server. */
void redis_server_prepare(struct redis_server *server);
/* `arguments`: those of redis-server, ended by NULL. It listens some time after this returns:
 * waiting is what links are for. */
void redis_server_spawn(struct redis_server *server, const char *const arguments[]);
/* A plain one on its socket and, unless 0, on the port. */
void redis_server_start(struct redis_server *server, int port, const char *password);
/* kill -9 */
void redis_server_kill(struct redis_server *server);
/* Kills it and deletes its folder. */
void redis_server_remove(struct redis_server *server);
/* A port that is ours but does not listen refuses every connect, until the descriptor that this
 * returns is closed. */
int redis_port_reserve(int *ret_port);
/* A command outside of the links, with its answer. */
void redis_command(const char *url, const char *text, char *out, size_t size);

#endif
