/* A program's whole start: the words of the command line, one per line up to an empty one, then the
 * INI file that --config names. Whatever comes out of an accepted start is within the bounds, and
 * reading the same again changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "shared/base/settings.h"

#define MAX_WORDS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    char *text, *secret;
    int64_t integer, bytes, duration;
    bool boolean;
};

#define OFFSET(member) offsetof(struct target, member)

static const struct setting settings[] = {
    {"listen", SETTING_TEXT, OFFSET(text), "x", 1, 64, true, false, "where"},
    {"secret", SETTING_TEXT, OFFSET(secret), "", 0, 64, false, true, "hidden"},
    {"workers", SETTING_INTEGER, OFFSET(integer), "1", 1, 64, false, false, "how many"},
    {"queue_soft", SETTING_BYTES, OFFSET(bytes), "1k", 1, 1 << 20, true, false, "how much"},
    {"tick", SETTING_DURATION, OFFSET(duration), "1s", 10, 100000, true, false, "how long"},
    {"deflate", SETTING_BOOLEAN, OFFSET(boolean), "off", 0, 0, false, false, "whether"},
};
static const struct settings_table table = {"fuzz", "", settings, ARRAY_LENGTH(settings)};

static void check(const struct target *target)
{
    if (!target->text || strlen(target->text) > 64 || strlen(target->text) < 1 || !target->secret)
        abort();
    if (target->integer < 1 || target->integer > 64 || target->bytes < 1 ||
        target->bytes > 1 << 20 || target->duration < 10 || target->duration > 100000)
        abort();
}

/* Cuts the words off the text, which it changes; returns how many there are. */
static int take_words(char **text, char **words)
{
    int count = 0;
    while (count < MAX_WORDS && **text && **text != '\n') {
        words[count++] = *text;
        *text += strcspn(*text, "\n");
        if (**text)
            *(*text)++ = '\0';
    }
    *text += **text == '\n';
    return count;
}

static void load(int argc, char **argv)
{
    struct target target = {.text = NULL}, before;
    if (settings_load(&table, argc, argv, &target) != SETTINGS_OK)
        return;
    check(&target);
    before = target;
    if (!settings_reload(&table, argc, argv, &target) &&
        (target.bytes != before.bytes || target.duration != before.duration))
        abort();
    check(&target);
    settings_done(&table, &target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *quiet;
    char program[] = "fuzz", option[] = "--config", path[32];
    char *words[MAX_WORDS + 4] = {program, option, path};
    char *copy = memory_strndup((const char *)data, size), *text = copy;
    int file = memfd_create("settings", MFD_CLOEXEC);
    int count = 3 + take_words(&text, words + 3);
    if (!quiet)
        quiet = fopen("/dev/null", "w");
    size_t rest = strlen(text);
    if (file < 0 || !quiet || fchmod(file, 0600) || write(file, text, rest) != (ssize_t)rest)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    FILE *loud = stderr, *shown = stdout;
    stderr = stdout = quiet;
    load(count, words);
    stderr = loud;
    stdout = shown;
    close(file);
    free(copy);
    return 0;
}
