import { expect, test } from 'vitest';
import { age, compact, count, duration, elapsed, moment, percent } from './format';

const plain = (text: string): string => text.replace(/\u00a0/g, ' ').replace(',', '.');

test.each([
    [undefined, '–'],
    [640, '640 ms'],
    [4210, '4.2 s'],
    [9960, '10 s'],
    [23_000, '23 s'],
    [59_700, '1:00'],
    [680_000, '11:20'],
    [7_510_000, '2:05:10'],
    [3 * 86_400_000 + 4 * 3_600_000, '3 d 4 h'],
])('duration of %s', (ms, text) => {
    expect(plain(duration(ms))).toBe(text);
});

test('a running time has no flickering digit', () => {
    expect(plain(elapsed(4999))).toBe('4 s');
    expect(plain(elapsed(-20))).toBe('0 s');
    expect(plain(elapsed(75_900))).toBe('1:15');
});

test('a rate is 100 % only when it is', () => {
    expect(percent(1)).toMatch(/^100\s?%$/);
    expect(plain(percent(0.99999))).toMatch(/^99.9\s?%$/);
    expect(plain(percent(0.00001))).toMatch(/^0.1\s?%$/);
    expect(percent(undefined)).toBe('–');
});

test('what was not counted is not a zero', () => {
    expect(count(undefined)).toBe('–');
    expect(count(0)).toBe('0');
    expect(compact(950)).toBe('950');
});

test('age has tenths while it is young', () => {
    expect(plain(age(400))).toBe('0.4 s');
    expect(plain(age(34_000))).toBe('34 s');
    expect(plain(age(600_000))).toBe('10 min');
});

test('a moment names as much as tells it apart from now, before and after', () => {
    const now = Date.UTC(2026, 5, 15, 12);
    const day = 24 * 3_600_000;
    for (const sign of [-1, 1]) {
        expect(moment(now + sign * 3_600_000, now)).toMatch(/\d:\d\d:\d\d/);
        expect(moment(now + sign * 7 * day, now)).toMatch(/Jun/);
        expect(moment(now + sign * 400 * day, now)).toMatch(/202[57]/);
    }
});
