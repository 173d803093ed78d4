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
    right: 'M6 3.5L10.5 8 6 12.5',
    below: 'M3.5 6L8 10.5 12.5 6',
    pause: 'M5.5 4v8M10.5 4v8',
    people: 'M6 7.5a2.2 2.2 0 100-4.4 2.2 2.2 0 000 4.4zM1.8 13c0-2.4 1.7-3.8 4.2-3.8s4.2 1.4 4.2 3.8M10.6 3.3a2.2 2.2 0 010 4M12 9.6c1.4.5 2.2 1.7 2.2 3.4',
    person: 'M8 7.5a2.4 2.4 0 100-4.8 2.4 2.4 0 000 4.8zM3.2 13.3c0-2.6 1.9-4 4.8-4s4.8 1.4 4.8 4',
    key: 'M5.2 13.2a2.7 2.7 0 100-5.4 2.7 2.7 0 000 5.4zM7.2 8.6l5.6-5.6M10.4 5.4l2 2',
    coin: 'M8 14A6 6 0 108 2a6 6 0 000 12zM10.2 6.1A2.9 2.9 0 008 5.1a2.9 2.9 0 000 5.8 2.9 2.9 0 002.2-1',
    shield: 'M8 1.9l5 1.8v3.9c0 3-2 5.3-5 6.5-3-1.2-5-3.5-5-6.5V3.7z',
    list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01',
    grid: 'M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z',
    menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
    eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 9.8a1.8 1.8 0 100-3.6 1.8 1.8 0 000 3.6z',
    sliders: 'M2.5 5h6M11.5 5h2M2.5 11h2M7.5 11h6M10 3.5a1.5 1.5 0 100 3 1.5 1.5 0 000-3zM6 9.5a1.5 1.5 0 100 3 1.5 1.5 0 000-3z',
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
