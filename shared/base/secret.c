#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "shared/base/settings.h"

#define SECRET_MAX_BYTES 4096

static int read_whole(int file, char *out, size_t size, size_t *ret_length)
{
    size_t used = 0;
    while (used < size) {
        ssize_t count = read(file, out + used, size - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    *ret_length = used;
    return 0;
}

static int check_file(int file)
{
    struct stat status;
    if (fstat(file, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return -EPERM;
    return status.st_size > SECRET_MAX_BYTES ? -EFBIG : 0;
}

int secret_read(const char *path, char **ret_secret, size_t *ret_length)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return -errno;
    char *secret = NULL;
    size_t length = 0;
    int fault = check_file(file);
    if (fault)
        goto out;
    secret = memory_zalloc(SECRET_MAX_BYTES + 1);
    fault = read_whole(file, secret, SECRET_MAX_BYTES, &length);
    if (fault) {
        secret_free(secret, SECRET_MAX_BYTES);
        goto out;
    }
    if (length && secret[length - 1] == '\n')
        length--;
    secret[length] = '\0';
    *ret_secret = secret;
    *ret_length = length;
out:
    close(file);
    return fault;
}

void secret_free(char *secret, size_t length)
{
    if (!secret)
        return;
    sodium_memzero(secret, length);
    free(secret);
}
