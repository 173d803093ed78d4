/** Line icons, 16 px, drawn in the text's colour. They accompany words and are hidden from readers. */
const paths = {
    check: 'M3.5 8.5l3 3 6-7',
    cross: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
    dash: 'M4 8h8',
    play: 'M6 4.2v7.6l6-3.8z',
    clock: 'M8 4.5V8l2.2 1.6M8 14A6 6 0 108 2a6 6 0 000 12z',
    dots: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
    warn: 'M8 6.5v3M8 11.8h.01M7 2.8L1.9 11.6a1.2 1.2 0 001 1.8h10.2a1.2 1.2 0 001-1.8L9 2.8a1.2 1.2 0 00-2 0z',
    sun: 'M8 11a3 3 0 100-6 3 3 0 000 6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7',
    moon: 'M13.5 9.6A5.8 5.8 0 016.4 2.5a5.8 5.8 0 107.1 7.1z',
    pulse: 'M1.5 8h3l2-4.5 3 9 2-4.5h3',
    retry: 'M13 3v3.5H9.5M12.8 6.4A5.2 5.2 0 103 9.6',
    lock: 'M4.5 7V5.2a3.5 3.5 0 017 0V7M3.8 7h8.4v6.2H3.8z',
    up: 'M8 12.5v-9M4.5 7L8 3.5 11.5 7',
    down: 'M8 3.5v9M4.5 9L8 12.5 11.5 9',
    pause: 'M5.5 4v8M10.5 4v8',
    external: 'M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3L7.5 8.5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
    return (
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
            <path d={paths[name]} />
        </svg>
    );
}
