/** A browser as its owner would name it; a hint, never more: the header says what its sender likes. */
const browsers: readonly [RegExp, string][] = [
    [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
    [/\bOPR\//, 'Opera'],
    [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
    [/\bChrom(?:e|ium)\/|\bCriOS\/|HeadlessChrome/, 'Chrome'],
    [/\bSafari\//, 'Safari'],
    [/^curl\//, 'curl'],
];
const systems: readonly [RegExp, string][] = [
    [/iPhone|iPad/, 'iOS'],
    [/Android/, 'Android'],
    [/Windows/, 'Windows'],
    [/Macintosh|Mac OS X/, 'macOS'],
    [/CrOS/, 'ChromeOS'],
    [/Linux|X11/, 'Linux'],
];

export function browserOf(userAgent: string | undefined): string {
    if (!userAgent) return 'Unknown browser';
    const nameIn = (names: readonly [RegExp, string][]): string | undefined =>
        names.find(([pattern]) => pattern.test(userAgent))?.[1];
    const browser = nameIn(browsers) ?? 'Unknown browser';
    const system = nameIn(systems);
    return system ? `${browser} on ${system}` : browser;
}
