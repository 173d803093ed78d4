/* One table of settings per program; from it come the defaults, the INI file, the command line
 * (`--name value` or `--name=value`), --help, the bounds and the error texts. Order: default < file
 * (--config) < command line. One file may serve several programs: keys before any section or in the
 * section [program] are ours, other sections are skipped. Strings are owned by the settings and
 * freed by settings_done. */
#ifndef MH_SETTINGS_H
#define MH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/base/base.h"

enum setting_type {
    SETTING_TEXT,     /* char * */
    SETTING_INTEGER,  /* int64_t, within minimum..maximum */
    SETTING_BYTES,    /* int64_t; accepts k and M suffixes */
    SETTING_DURATION, /* int64_t milliseconds; accepts ms, s, m, h, d suffixes, bare = seconds */
    SETTING_BOOLEAN   /* bool; on, off */
};

struct setting {
    const char *name; /* lower_case; `--lower-case` on the command line */
    enum setting_type type;
    size_t offset;             /* into the program's settings struct */
    const char *default_value; /* NULL: required */
    int64_t minimum, maximum;  /* of numbers, of a text's length; 0,0 = any */
    bool reloadable;           /* taken over on SIGHUP */
    bool secret;               /* never shown; a file that holds it must be closed to others */
    const char *help;
};

struct settings_table {
    const char *program;
    const char *summary; /* first line of --help */
    const struct setting *settings;
    size_t count;
};

enum settings_outcome { SETTINGS_OK, SETTINGS_HELP_SHOWN, SETTINGS_INVALID };

/* Fills `target`. On SETTINGS_INVALID one line on stderr has said which setting, what it was and
 * what is accepted; exit with 2. */
MUST_CHECK enum settings_outcome settings_load(const struct settings_table *table, int argc,
                                               char **argv, void *target);
/* Re-reads the file given at settings_load and takes over what is reloadable; 0 or -EINVAL with
 * the old values kept. Frees the old value of a reloadable text, so nobody may hold it. */
MUST_CHECK int settings_reload(const struct settings_table *table, int argc, char **argv,
                               void *target);
void settings_done(const struct settings_table *table, void *target);

/* Sets one setting from its text; 0, or -EINVAL with `target` unchanged. */
MUST_CHECK int setting_assign(const struct setting *setting, const char *text, void *target);
/* The range in words, as in --help and error texts: "a size from 1k to 1M". */
#define SETTING_RANGE_SIZE 128
void setting_describe_range(const struct setting *setting, char out[SETTING_RANGE_SIZE]);
void settings_print_help(const struct settings_table *table, FILE *out);

/* Reads a secret's file, trailing newline cut, NUL-terminated; freed by the caller with
 * sodium-style wiping (secret_free). 0, -errno, or -EPERM if group or others may read it. */
MUST_CHECK int secret_read(const char *path, char **ret_secret, size_t *ret_length);
void secret_free(char *secret, size_t length);

#endif
