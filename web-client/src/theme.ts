/** Follows the system until the reader chooses; the choice is remembered on this device. */
import { computed, effect, signal } from '@preact/signals';

export type Theme = 'light' | 'dark';

const storageKey = 'theme';
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const system = signal<Theme>(systemDark.matches ? 'dark' : 'light');
const chosen = signal<Theme | undefined>(read());

function read(): Theme | undefined {
    try {
        const stored = localStorage.getItem(storageKey);
        return stored === 'light' || stored === 'dark' ? stored : undefined;
    } catch {
        return undefined; // storage may be forbidden
    }
}

systemDark.addEventListener('change', (event) => {
    system.value = event.matches ? 'dark' : 'light';
});

export const theme = computed<Theme>(() => chosen.value ?? system.value);

export function toggleTheme(): void {
    chosen.value = theme.peek() === 'dark' ? 'light' : 'dark';
    try {
        localStorage.setItem(storageKey, chosen.value);
    } catch {
        // the choice then lasts as long as the page
    }
}

effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
});

/** A design token's value, for canvases. */
export function token(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
