#include "metricsctl/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metricsctl/command.h"

static json_t *parse(const char *command, const char *path, FILE *stream)
{
    json_error_t error;
    json_t *file = json_loadf(stream, JSON_REJECT_DUPLICATES, &error);
    json_t *keys = json_object_get(file, "keys") ? json_object_get(file, "keys") : file;
    const char *code;
    json_t *key;

    if (!file) {
        command_failed(command, "%s: line %d: %s", path, error.line, error.text);
        return NULL;
    }
    bool valid = json_is_object(keys);
    json_object_foreach(keys, code, key) valid = valid && json_is_string(key);
    if (valid)
        json_incref(keys);
    else
        command_failed(command, "%s: expected {\"CODE\": \"key\", …}", path);
    json_decref(file);
    return valid ? keys : NULL;
}

json_t *keys_load(const char *command, const char *path)
{
    struct stat status;
    json_t *keys = NULL;
    FILE *file = fopen(path, "re");

    if (!file || fstat(fileno(file), &status) != 0)
        command_failed(command, "cannot read %s: %s", path, strerror(errno));
    else if (status.st_mode & (S_IRWXG | S_IRWXO))
        command_failed(command, "%s holds keys and may be read by others: chmod 600 it", path);
    else
        keys = parse(command, path, file);
    if (file)
        fclose(file);
    return keys;
}

json_t *keys_load_or_new(const char *command, const char *path)
{
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return json_object();
    return keys_load(command, path);
}

int keys_save(const char *command, const char *path, const json_t *keys)
{
    char temporary[4200];
    int rc = 0;

    snprintf(temporary, sizeof(temporary), "%s.new", path);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return command_failed(command, "cannot write %s: %s", temporary, strerror(errno));
    errno = EIO;
    if (json_dumpfd(keys, fd, JSON_INDENT(1) | JSON_SORT_KEYS) != 0 || write(fd, "\n", 1) != 1)
        rc = command_failed(command, "cannot write %s: %s", temporary, strerror(errno));
    if (close(fd) != 0 || (rc == 0 && rename(temporary, path) != 0))
        rc = command_failed(command, "cannot write %s: %s", path, strerror(errno));
    return rc;
}
