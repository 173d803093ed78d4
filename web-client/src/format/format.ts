/** Numbers and times as people read them, in the browser's locale. */

const integer = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compactNumber = new Intl.NumberFormat(undefined, {
    notation: 'compact',
    maximumFractionDigits: 1,
});
const oneDecimal = new Intl.NumberFormat(undefined, {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
});
const onePercent = new Intl.NumberFormat(undefined, {
    style: 'percent',
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
});
const wholePercent = new Intl.NumberFormat(undefined, { style: 'percent' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const clockSeconds = new Intl.DateTimeFormat(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
});
const clockExact = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', hourCycle: 'h23' });
const dayUtc = new Intl.DateTimeFormat(undefined, {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
});

const dateWithYear = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** Shown where there is no value; never a 0 that was not counted. */
export const absent = '–';

export function count(value: number | undefined): string {
    return value === undefined ? absent : integer.format(value);
}

/** 12.4M from `limit` on: for axes and for numbers whose last digits say nothing. */
export function compact(value: number | undefined, limit = 100_000): string {
    if (value === undefined) return absent;
    return Math.abs(value) < limit ? integer.format(value) : compactNumber.format(value);
}

/** One decimal; 100 % and 0 % only when they are exact. */
export function percent(value: number | undefined): string {
    if (value === undefined) return absent;
    if (value === 0 || value === 1) return wholePercent.format(value);
    return onePercent.format(Math.min(0.999, Math.max(0.001, value)));
}

const two = (value: number): string => String(value).padStart(2, '0');

/** A number and its unit stay on one line. */
const nb = '\u00a0';

/** 640 ms, 4.2 s, 23 s, 11:20, 2:05:10, 3 d 4 h. */
export function duration(ms: number | undefined): string {
    if (ms === undefined) return absent;
    if (ms < 1000) return `${Math.round(ms)}${nb}ms`;
    if (ms < 9950) return `${oneDecimal.format(ms / 1000)}${nb}s`;
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return `${seconds}${nb}s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
    return `${Math.floor(hours / 24)}${nb}d ${hours % 24}${nb}h`;
}

/** Time that is still running: whole seconds, or the last digit flickers. */
export function elapsed(ms: number): string {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    return seconds < 10 ? `${seconds}${nb}s` : duration(seconds * 1000);
}

/** The same in words, for screen readers and sentences. */
export function durationWords(ms: number): string {
    const seconds = Math.round(ms / 1000);
    if (seconds < 90) return `${seconds}${nb}s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 90 ? `${minutes}${nb}min` : `${Math.round(minutes / 60)}${nb}h`;
}

/** Age of live data: tenths below ten seconds. */
export function age(ms: number): string {
    if (ms < 10_000) return `${oneDecimal.format(Math.max(0, ms) / 1000)}${nb}s`;
    return durationWords(ms);
}

/** 2.4: a mean, where a whole number would hide the difference. */
export function mean(value: number): string {
    return oneDecimal.format(value);
}

export function money(value: number | undefined): string {
    if (value === undefined) return absent;
    const small = value !== 0 && Math.abs(value) < 1;
    return new Intl.NumberFormat(undefined, {
        style: 'currency',
        currency: 'USD',
        currencyDisplay: 'narrowSymbol',
        minimumFractionDigits: small ? 4 : 2,
        maximumFractionDigits: small ? 4 : 2,
    }).format(value);
}

export function clockTime(ms: number): string {
    return clock.format(ms);
}

/** 14:03:07, the same in every locale: to be compared with logs. */
export function exactTime(ms: number): string {
    return clockExact.format(ms);
}

const hourMs = 3_600_000;

/** Clock for what is near, with the day for what is further, with the year for what is far. */
export function moment(ms: number, now: number): string {
    const distance = Math.abs(now - ms);
    if (distance < 20 * hourMs) return clockSeconds.format(ms);
    return distance < 300 * 24 * hourMs ? dayAndClock.format(ms) : dateWithYear.format(ms);
}

export function fullTime(ms: number): string {
    return full.format(ms);
}

/** Daily buckets are days of UTC. */
export function day(ms: number): string {
    return dayUtc.format(ms);
}

/** staff.owner -> Staff owner */
export function roleName(role: string): string {
    const words = role.replace('.', ' ');
    return words.charAt(0).toUpperCase() + words.slice(1);
}
