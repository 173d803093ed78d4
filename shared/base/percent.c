#include "shared/base/percent.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int percent_byte(const char *digits)
{
    int high = hex_digit(digits[0]), low = high < 0 ? -1 : hex_digit(digits[1]);
    return low < 0 ? -1 : high << 4 | low;
}

bool percent_decode(char *text, bool query)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        char c = *in;
        if (c == '%') {
            int byte = percent_byte(in + 1);
            if (byte < 0)
                return false;
            if (byte) {
                c = (char)byte;
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
