import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { momentNow, msSince, noteSetBack, serverNow, setServerTime } from './clock';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

test('time passes on both clocks', () => {
    const then = momentNow();
    vi.advanceTimersByTime(3000);
    expect(msSince(then)).toBe(3000);
});

test('a sleep is seen on the wall clock', () => {
    const then = momentNow();
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(msSince(then)).toBe(3_600_000);
});

test('a clock that is set back makes nothing younger', () => {
    setServerTime(Date.now() + 500);
    const then = momentNow();
    vi.advanceTimersByTime(20_000);
    const server = serverNow();
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(msSince(then)).toBe(20_000);
    noteSetBack();
    expect(serverNow()).toBe(server);
    vi.advanceTimersByTime(400);
    noteSetBack();
    expect(serverNow()).toBe(server + 400);
});
