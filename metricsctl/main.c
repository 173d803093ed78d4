/* metricsctl: the administrator's and the tester's tool. This file finds the command; each command
 * has a file of its own. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/base/log.h"

static const struct command commands[] = {
#define X(name, summary, function) {name, summary, function},
    COMMAND_TABLE(X)
#undef X
};

static void print_help(FILE *out)
{
    fputs("Usage: metricsctl COMMAND [OPTION...]\n\n"
          "Commands (each explains its options with --help):\n",
          out);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        fprintf(out, "  %-16s  %s\n", commands[i].name, commands[i].summary);
    fputs("\nExit codes: 0 done, 1 failed, 2 wrong usage.\n", out);
}

/* How many words of the command line are the name of `command`; 0 if it is another one. */
static int words_matched(const struct command *command, int argc, char **argv)
{
    char name[64];

    if (argc > 1 && strcmp(command->name, argv[1]) == 0)
        return 1;
    if (argc < 3)
        return 0;
    snprintf(name, sizeof(name), "%s %s", argv[1], argv[2]);
    return strcmp(command->name, name) == 0 ? 2 : 0;
}

static int run_command(const struct command *command, int words, int argc, char **argv)
{
    char name[80];

    snprintf(name, sizeof(name), "metricsctl %s", command->name);
    argv[words] = name;
    int code = command->run(argc - words, argv + words);
    if (code == EXIT_HELP_SHOWN)
        code = EXIT_DONE;
    /* A result that did not reach its reader is no success. */
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = command_failed(name, "cannot write the result to standard output");
    return code;
}

int main(int argc, char **argv)
{
    log_init("metricsctl", LOG_LEVEL_INFO);
    if (sodium_init() < 0)
        return command_failed("metricsctl", "the random number generator does not start");
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        int words = words_matched(&commands[i], argc, argv);
        if (words > 0)
            return run_command(&commands[i], words, argc, argv);
    }
    fprintf(stderr, "metricsctl: there is no command '%s'; `metricsctl --help` lists them\n",
            argv[1]);
    return EXIT_USAGE;
}
