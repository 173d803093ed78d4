import { expect, it } from 'vitest';
import { browserOf } from './browser';

it('names browsers as their owners do', () => {
    const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36';
    expect(browserOf(`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`)).toBe('Chrome on Linux');
    expect(browserOf(`Mozilla/5.0 (Windows NT 10.0) ${chrome} Edg/126.0`)).toBe('Edge on Windows');
    expect(
        browserOf('Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5) Version/17.5 Safari/605.1.15'),
    ).toBe('Safari on macOS');
    expect(browserOf('Mozilla/5.0 (Android 14; Mobile; rv:127.0) Firefox/127.0')).toBe(
        'Firefox on Android',
    );
    expect(browserOf('something/1')).toBe('Unknown browser');
    expect(browserOf(undefined)).toBe('Unknown browser');
});
