#include "ingest/http/percent.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool http_percent_decode(char *text, bool query)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        char c = *in;
        if (c == '%') {
            int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0)
                return false;
            if (high || low) {
                c = (char)(high << 4 | low);
                in += 2;
            }
        } else if (c == '+' && query) {
            c = ' ';
        }
        *out++ = c;
    }
    *out = '\0';
    return true;
}
