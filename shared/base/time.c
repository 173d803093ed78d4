#include "shared/base/time.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define US_PER_SECOND 1000000LL
#define SECONDS_PER_DAY 86400LL

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t time_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t time_wall_ms(void)
{
    return time_wall_us() / 1000;
}

int64_t time_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* Proleptic Gregorian calendar, after Howard Hinnant's days_from_civil. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct cursor {
    const char *at, *end;
};

/* Exactly `count` digits within minimum..maximum. */
static bool take_number(struct cursor *cursor, int count, int minimum, int maximum, int *ret_number)
{
    if (cursor->end - cursor->at < count)
        return false;
    int number = 0;
    for (int i = 0; i < count; i++) {
        char digit = *cursor->at++;
        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (digit - '0');
    }
    *ret_number = number;
    return number >= minimum && number <= maximum;
}

static bool take(struct cursor *cursor, const char *one_of)
{
    if (cursor->at == cursor->end)
        return false;
    for (; *one_of; one_of++) {
        if (*cursor->at == *one_of) {
            cursor->at++;
            return true;
        }
    }
    return false;
}

static bool take_date(struct cursor *cursor, int64_t *ret_days)
{
    int year, month, day;
    if (!take_number(cursor, 4, 0, 9999, &year) || !take(cursor, "-") ||
        !take_number(cursor, 2, 1, 12, &month) || !take(cursor, "-") ||
        !take_number(cursor, 2, 1, days_in_month(year, month), &day))
        return false;
    *ret_days = days_from_civil(year, month, day);
    return true;
}

/* One to nine digits after the point; what is below a microsecond is cut off. */
static bool take_fraction(struct cursor *cursor, int64_t *ret_us)
{
    int64_t us = 0;
    int64_t weight = US_PER_SECOND / 10;
    int digits = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        us += (*cursor->at - '0') * weight;
        weight /= 10;
        if (++digits > 9)
            return false;
    }
    *ret_us = us;
    return digits > 0;
}

static bool take_time_of_day(struct cursor *cursor, int64_t *ret_us)
{
    int hour, minute, second;
    int64_t fraction_us = 0;
    if (!take_number(cursor, 2, 0, 23, &hour) || !take(cursor, ":") ||
        !take_number(cursor, 2, 0, 59, &minute) || !take(cursor, ":") ||
        !take_number(cursor, 2, 0, 60, &second))
        return false;
    if (take(cursor, ".") && !take_fraction(cursor, &fraction_us))
        return false;
    if (second == 60) {
        second = 59;
        fraction_us = US_PER_SECOND - 1;
    }
    *ret_us = (hour * 3600LL + minute * 60LL + second) * US_PER_SECOND + fraction_us;
    return true;
}

static bool take_offset(struct cursor *cursor, int64_t *ret_us)
{
    int hour, minute;
    *ret_us = 0;
    if (take(cursor, "Zz"))
        return true;
    bool negative = take(cursor, "-");
    if ((!negative && !take(cursor, "+")) || !take_number(cursor, 2, 0, 23, &hour) ||
        !take(cursor, ":") || !take_number(cursor, 2, 0, 59, &minute))
        return false;
    *ret_us = (hour * 3600LL + minute * 60LL) * US_PER_SECOND;
    if (negative)
        *ret_us = -*ret_us;
    return true;
}

int time_parse_rfc3339(const char *text, size_t length, int64_t *ret_us)
{
    struct cursor cursor = {text, text + length};
    int64_t days, time_us, offset_us;
    if (!take_date(&cursor, &days) || !take(&cursor, "Tt ") ||
        !take_time_of_day(&cursor, &time_us) || !take_offset(&cursor, &offset_us) ||
        cursor.at != cursor.end)
        return -EINVAL;
    *ret_us = days * SECONDS_PER_DAY * US_PER_SECOND + time_us - offset_us;
    return 0;
}

void time_format_rfc3339(int64_t us, char out[TIME_RFC3339_SIZE])
{
    int64_t fraction = us % US_PER_SECOND;
    time_t seconds = (time_t)(us / US_PER_SECOND);
    if (fraction < 0) {
        fraction += US_PER_SECOND;
        seconds--;
    }
    struct tm utc;
    gmtime_r(&seconds, &utc);
    /* Years outside 1 to 9999 would not fit; the modulo keeps the compiler's length check true. */
    snprintf(out, TIME_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned)(utc.tm_year + 1900) % 10000U, (unsigned)(utc.tm_mon + 1) % 100U,
             (unsigned)utc.tm_mday % 100U, (unsigned)utc.tm_hour % 100U,
             (unsigned)utc.tm_min % 100U, (unsigned)utc.tm_sec % 100U,
             (unsigned)fraction % 1000000U);
}
