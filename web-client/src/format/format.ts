/** Numbers and times as people read them, in the browser's locale. */

const integer = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compactNumber = new Intl.NumberFormat(undefined, {
    notation: 'compact',
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

/** Shown where there is no value; never a 0 that was not counted. */
export const absent = '–';

export function count(value: number | undefined): string {
    return value === undefined ? absent : integer.format(value);
}

/** 12.4M: for axes and for numbers whose last digits say nothing. */
export function compact(value: number | undefined): string {
    if (value === undefined) return absent;
    return Math.abs(value) < 100_000 ? integer.format(value) : compactNumber.format(value);
}

/** One decimal; 100 % and 0 % only when they are exact. */
export function percent(value: number | undefined): string {
    if (value === undefined) return absent;
    if (value === 0 || value === 1) return wholePercent.format(value);
    return onePercent.format(Math.min(0.999, Math.max(0.001, value)));
}

const two = (value: number): string => String(value).padStart(2, '0');

/** 640 ms, 4.2 s, 23 s, 11:20, 2:05:10, 3 d 4 h. */
export function duration(ms: number | undefined): string {
    if (ms === undefined) return absent;
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The same in words, for screen readers and sentences. */
export function durationWords(ms: number): string {
    const seconds = Math.round(ms / 1000);
    if (seconds < 90) return `${seconds} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Age of live data: tenths below ten seconds. */
export function age(ms: number): string {
    if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
    return durationWords(ms);
}

export function money(value: number | undefined): string {
    if (value === undefined) return absent;
    const small = value !== 0 && Math.abs(value) < 1;
    return new Intl.NumberFormat(undefined, {
        style: 'currency',
        currency: 'USD',
        minimumFractionDigits: 2,
        maximumFractionDigits: small ? 4 : 2,
    }).format(value);
}

export function clockTime(ms: number): string {
    return clock.format(ms);
}

/** Clock for today, with the day for what is older. */
export function moment(ms: number, now: number): string {
    return now - ms < 20 * 3_600_000 ? clockSeconds.format(ms) : dayAndClock.format(ms);
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
