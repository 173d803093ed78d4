#include "shared/base/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/memory.h"
#include "tests/unit/test.h"

struct options {
    char *listen, *database, *empty;
    int64_t workers, max_body, tick, any;
    bool demo;
};

static const struct setting settings[] = {
    {.name = "listen",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, listen),
     .default_value = "127.0.0.1:8080",
     .minimum = 1,
     .maximum = 40,
     .help = "Where to listen."},
    {.name = "database",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, database),
     .secret = true,
     .help = "Where the database is."},
    {.name = "empty",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, empty),
     .default_value = "",
     .reloadable = true,
     .help = "May be empty."},
    {.name = "workers",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, workers),
     .default_value = "1",
     .minimum = 1,
     .maximum = 64,
     .help = "Processes."},
    {.name = "max_body",
     .type = SETTING_BYTES,
     .offset = offsetof(struct options, max_body),
     .default_value = "1M",
     .minimum = 1024,
     .maximum = 64 << 20,
     .reloadable = true,
     .help = "Largest body."},
    {.name = "tick",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, tick),
     .default_value = "100ms",
     .minimum = 10,
     .maximum = 60000,
     .reloadable = true,
     .help = "Between patches."},
    {.name = "any",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, any),
     .default_value = "0",
     .help = "Any number."},
    {.name = "demo",
     .type = SETTING_BOOLEAN,
     .offset = offsetof(struct options, demo),
     .default_value = "off",
     .help = "Demo traffic."},
};

static const struct settings_table table = {"metrics-test", "Tests settings.", settings,
                                            ARRAY_LENGTH(settings)};

static char program[] = "metrics-test";
static char file_path[64];

#define LOAD(options, ...)                                                                         \
    load(options, (const char *[]){__VA_ARGS__}, ARRAY_LENGTH(((const char *[]){__VA_ARGS__})))

static enum settings_outcome load(struct options *options, const char *const *arguments,
                                  size_t count)
{
    char *argv[16] = {program};
    assert_true(count < ARRAY_LENGTH(argv) - 1);
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = memory_strdup(arguments[i]);
    enum settings_outcome outcome = settings_load(&table, (int)count + 1, argv, options);
    for (size_t i = 0; i < count; i++)
        free(argv[i + 1]);
    return outcome;
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(file_path, mode), 0);
}

static int make_file(void **state)
{
    (void)state;
    snprintf(file_path, sizeof(file_path), "/tmp/mh-settings-XXXXXX");
    int file = mkstemp(file_path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_path);
}

static void test_defaults(void **state)
{
    (void)state;
    struct options options;
    memset(&options, 0xee, sizeof(options)); /* the target need not be clean */
    assert_int_equal(LOAD(&options, "--database", "x"), SETTINGS_OK);
    assert_string_equal(options.listen, "127.0.0.1:8080");
    assert_string_equal(options.database, "x");
    assert_string_equal(options.empty, "");
    assert_int_equal(options.workers, 1);
    assert_int_equal(options.max_body, 1 << 20);
    assert_int_equal(options.tick, 100);
    assert_false(options.demo);
    settings_done(&table, &options);
    assert_null(options.listen);
}

static void test_file_then_command_line(void **state)
{
    (void)state;
    struct options options;
    write_file("database = host=/run password=a;b ; c\n"
               "# a comment\n"
               "workers = 4\n"
               "tick = 2s\n"
               "[metrics-other]\n"
               "unknown_there = 1\n"
               "[metrics-test]\n"
               "demo = on\n"
               "max_body = 64k\n",
               0600);
    assert_int_equal(LOAD(&options, "--tick=1m", "--config", file_path, "--max-body", "2k"),
                     SETTINGS_OK);
    assert_string_equal(options.database, "host=/run password=a;b ; c");
    assert_int_equal(options.workers, 4);
    assert_int_equal(options.tick, 60000);
    assert_int_equal(options.max_body, 2048);
    assert_true(options.demo);
    settings_done(&table, &options);
}

static void test_bad_values(void **state)
{
    static const char *const cases[][2] = {
        {"--workers", "0"},
        {"--workers", "65"},
        {"--workers", "-1"},
        {"--workers", "1x"},
        {"--workers", ""},
        {"--workers", " 1"},
        {"--workers", "99999999999999999999"},
        {"--max-body", "1023"},
        {"--max-body", "65M"},
        {"--max-body", "1K"},
        {"--max-body", "1G"},
        {"--max-body", "9223372036854775807k"},
        {"--tick", "9ms"},
        {"--tick", "61"},
        {"--tick", "1.5s"},
        {"--tick", "1 s"},
        {"--demo", "yes"},
        {"--listen", ""},
        {"--listen", "00000000000000000000000000000000000000000"},
        {"--nothing", "1"},
        {"workers", "1"},
        {"--", "1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct options options;
        assert_int_equal(LOAD(&options, "--database", "x", cases[i][0], cases[i][1]),
                         SETTINGS_INVALID);
    }
}

static void test_missing(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(LOAD(&options, "--workers", "2"), SETTINGS_INVALID);
    assert_int_equal(LOAD(&options, "--database"), SETTINGS_INVALID);
    assert_int_equal(LOAD(&options, "--database", "x", "--config", "/nonexistent/file"),
                     SETTINGS_INVALID);
}

static void test_bad_file(void **state)
{
    static const char *const cases[] = {"unknown = 1\n", "workers 4\n", "workers = 0\n",
                                        "[metrics-test]\ntick = x\n", "workers = 1\n  2\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct options options;
        write_file(cases[i], 0600);
        assert_int_equal(LOAD(&options, "--database", "x", "--config", file_path),
                         SETTINGS_INVALID);
    }
}

static void test_open_file_with_secret(void **state)
{
    (void)state;
    struct options options;
    write_file("database = password=x\n", 0644);
    assert_int_equal(LOAD(&options, "--config", file_path), SETTINGS_INVALID);
    write_file("workers = 2\n", 0644);
    assert_int_equal(LOAD(&options, "--database", "x", "--config", file_path), SETTINGS_OK);
    settings_done(&table, &options);
}

static void test_long_line(void **state)
{
    (void)state;
    struct options options;
    char text[1200];
    memset(text, 'x', sizeof(text));
    memcpy(text, "database = ", 11);
    text[1000] = '\0';
    write_file(text, 0600);
    assert_int_equal(LOAD(&options, "--config", file_path), SETTINGS_OK);
    assert_int_equal(strlen(options.database), 1000 - 11);
    settings_done(&table, &options);
}

static void test_reload(void **state)
{
    (void)state;
    struct options options;
    char *argv[] = {program, (char[]){"--config"}, file_path, NULL};
    write_file("database = a\nempty = one\nworkers = 2\n", 0600);
    assert_int_equal(settings_load(&table, 3, argv, &options), SETTINGS_OK);
    write_file("database = b\nempty = two\nworkers = 3\ntick = 5s\n", 0600);
    assert_int_equal(settings_reload(&table, 3, argv, &options), 0);
    assert_string_equal(options.database, "a");
    assert_string_equal(options.empty, "two");
    assert_int_equal(options.workers, 2);
    assert_int_equal(options.tick, 5000);
    write_file("database = b\nempty = three\nworkers = 0\n", 0600);
    assert_true(settings_reload(&table, 3, argv, &options) < 0);
    assert_string_equal(options.empty, "two");
    settings_done(&table, &options);
}

static void test_help(void **state)
{
    char text[8192] = "";
    (void)state;
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    settings_print_help(&table, out);
    fclose(out);
    assert_memory_equal(text, "Tests settings.\n\nUsage: metrics-test", 36);
    assert_non_null(strstr(text, "--max-body SIZE\n        Largest body.\n"
                                 "        (a size (k, M) from 1k to 64M; default 1M; reloaded on "
                                 "SIGHUP)\n"));
    assert_non_null(strstr(text, "(a duration (ms, s, m, h, d) from 10ms to 1m; default 100ms"));
    assert_non_null(strstr(text, "(text; required)"));
    assert_non_null(strstr(text, "(text; default none; reloaded on SIGHUP)"));
    assert_non_null(strstr(text, "--demo on|off"));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= 80);
}

static void test_help_shown(void **state)
{
    (void)state;
    struct options options;
    assert_int_equal(LOAD(&options, "--help"), SETTINGS_HELP_SHOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test_setup_teardown(test_file_then_command_line, make_file, remove_file),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_missing),
        cmocka_unit_test_setup_teardown(test_bad_file, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_open_file_with_secret, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_long_line, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_reload, make_file, remove_file),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_help_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
