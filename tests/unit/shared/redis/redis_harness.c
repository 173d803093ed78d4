#include "tests/unit/shared/redis/redis_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/redis/redis_url.h"
#include "tests/unit/test.h"

void redis_server_prepare(struct redis_server *server)
{
    /* NOLINTNEXTLINE(cert-env33-c): a constant command */
    if (system("command -v redis-server >/dev/null")) {
        print_message("redis-server is not in PATH\n");
        skip();
    }
    snprintf(server->folder, sizeof(server->folder), "/tmp/mh-redis-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->folder);
    snprintf(server->url, sizeof(server->url), "unix://%s", server->socket);
}

void redis_server_spawn(struct redis_server *server, const char *const arguments[])
{
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves no server behind */
        execvp("redis-server", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
}

void redis_server_start(struct redis_server *server, int port, const char *password)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", port);
    const char *const arguments[] = {
        "redis-server", "--port",        number,   "--bind", "127.0.0.1",
        "--unixsocket", server->socket,  "--save", "",       "--dir",
        server->folder, "--requirepass", password, NULL};
    redis_server_spawn(server, arguments);
}

void redis_server_kill(struct redis_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static void empty_folder(const char *path)
{
    char file[512];
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        (void)unlink(file);
    }
    (void)closedir(folder);
}

void redis_server_remove(struct redis_server *server)
{
    redis_server_kill(server);
    empty_folder(server->folder);
    assert_int_equal(rmdir(server->folder), 0);
}

int redis_port_reserve(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(reserved, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(reserved, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return reserved;
}

void redis_command(const char *url, const char *text, char *out, size_t size)
{
    struct redis_url parsed;
    assert_int_equal(redis_url_parse(url, &parsed), 0);
    redisContext *connection =
        *parsed.path ? redisConnectUnix(parsed.path)
                     : redisConnect(parsed.addresses[0].host, parsed.addresses[0].port);
    assert_non_null(connection);
    assert_int_equal(connection->err, 0);
    if (*parsed.password)
        freeReplyObject(redisCommand(connection, "AUTH %s", parsed.password));
    redisReply *reply = redisCommand(connection, text);
    assert_non_null(reply);
    snprintf(out, size, "%s", reply->str ? reply->str : "");
    freeReplyObject(reply);
    redisFree(connection);
}
