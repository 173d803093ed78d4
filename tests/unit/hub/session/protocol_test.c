#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "hub/session/protocol.h"

static int decode(const char *text, struct command *command)
{
    return command_decode(text, strlen(text), command);
}

static void reads_commands(void **unused)
{
    (void)unused;
    struct command command;
    assert_int_equal(decode("{\"id\":1,\"connect\":{\"token\":\"t\",\"name\":\"js\"}}", &command),
                     0);
    assert_int_equal(command.method, METHOD_CONNECT);
    assert_int_equal(command.id, 1);
    assert_string_equal(command.token.bytes, "t");
    command_done(&command);
    assert_int_equal(decode("{\"id\":2,\"subscribe\":{\"channel\":\"metrics:platform\","
                            "\"recover\":true,\"epoch\":\"e\",\"offset\":7,\"flag\":1}}",
                            &command),
                     0);
    assert_int_equal(command.method, METHOD_SUBSCRIBE);
    assert_true(command.recover);
    assert_int_equal(command.offset, 7);
    assert_string_equal(command.channel.bytes, "metrics:platform");
    assert_string_equal(command.epoch.bytes, "e");
    command_done(&command);
    assert_int_equal(decode("{}", &command), 0);
    assert_int_equal(command.method, METHOD_PONG);
    command_done(&command);
    assert_int_equal(decode("{\"id\":3,\"rpc\":{\"method\":\"whoami\",\"data\":{}}}", &command), 0);
    assert_string_equal(command.rpc.bytes, "whoami");
    command_done(&command);
    assert_int_equal(decode("{\"id\":4,\"dance\":{}}", &command), 0);
    assert_int_equal(command.method, METHOD_UNKNOWN);
    command_done(&command);
    assert_int_equal(decode("{\"send\":{\"data\":1}}", &command), 0);
    assert_int_equal(command.method, METHOD_SEND);
    command_done(&command);
}

static void refuses_what_is_no_command(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "",
        "x",
        "1",
        "[]",
        "null",
        "\"\"",
        "{",
        "{\"id\":-1,\"ping\":{}}",
        "{\"id\":4294967296,\"ping\":{}}",
        "{\"id\":\"1\",\"ping\":{}}",
        "{\"ping\":{}}",
        "{\"dance\":{}}",
        "{\"id\":1,\"ping\":[]}",
        "{\"id\":1,\"subscribe\":{\"channel\":1}}",
        "{\"id\":1,\"subscribe\":{\"channel\":\"a\",\"offset\":-1}}",
        "{\"id\":1,\"subscribe\":{\"channel\":\"a\",\"offset\":\"1\"}}",
        "{\"id\":1,\"subscribe\":{\"channel\":\"a\",\"recover\":1}}",
        "{\"id\":1,\"id\":2,\"ping\":{}}",
        "{\"id\":1,\"connect\":{\"token\":\"\\u0000\"}}"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct command command;
        if (decode(texts[i], &command) != -EINVAL)
            fail_msg("accepted: %s", texts[i]);
    }
}

static void cuts_lines(void **unused)
{
    (void)unused;
    const char *text = "\n{\"a\":1}\r\n\n{}", *line = NULL;
    size_t length = strlen(text), line_length = 0;
    assert_true(protocol_next_line(&text, &length, &line, &line_length));
    assert_int_equal(line_length, 7);
    assert_memory_equal(line, "{\"a\":1}", 7);
    assert_true(protocol_next_line(&text, &length, &line, &line_length));
    assert_memory_equal(line, "{}", 2);
    assert_false(protocol_next_line(&text, &length, &line, &line_length));
}

static void replies_share_a_frame(void **unused)
{
    (void)unused;
    struct buffer out = BUFFER_INIT;
    protocol_append_error(&out, 7, PROTOCOL_ERROR_TOO_MANY_REQUESTS);
    protocol_append_empty(&out, 8, METHOD_UNSUBSCRIBE);
    protocol_append_ping(&out);
    protocol_append_unsubscribe(&out, "metrics:platform", PROTOCOL_UNSUBSCRIBE_INSUFFICIENT_STATE);
    buffer_append(&out, "", 1);
    assert_string_equal(
        out.data,
        "{\"id\":7,\"error\":{\"code\":111,\"message\":\"too many requests\",\"temporary\":true}}\n"
        "{\"id\":8,\"unsubscribe\":{}}\n{}\n"
        "{\"push\":{\"channel\":\"metrics:platform\","
        "\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_commands), cmocka_unit_test(refuses_what_is_no_command),
        cmocka_unit_test(cuts_lines), cmocka_unit_test(replies_share_a_frame)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
