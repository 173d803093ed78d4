/* Preloaded into a daemon by clock.test.mjs: its wall clock is the machine's plus the seconds in
 * the file that MH_CLOCK_FILE names, which the test changes at any time. The monotonic clock stays,
 * as it does when an operator sets the time. Plain system calls, since a sanitizer asks for the
 * time before anything of it works. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_seconds;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("MH_CLOCK_FILE");
    long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    long at = syscall(SYS_mmap, NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (at > 0 || at < -4095)
        offset_seconds = (const volatile int64_t *)at;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long error = syscall(SYS_clock_gettime, clock, now);
    if (!error && offset_seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *offset_seconds;
    return (int)error;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    *now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret_now)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (ret_now)
        *ret_now = precise.tv_sec;
    return precise.tv_sec;
}
