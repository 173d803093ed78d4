/** The row of controls above a list. A text waits until typing stops, so that words are asked for. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

const debounceMs = 250;

export function FilterBar({ label, children }: { label: string; children: ComponentChildren }) {
    return (
        <search class="filters" aria-label={label}>
            {children}
        </search>
    );
}

export function TextFilter(props: {
    label: string;
    value: string | undefined;
    change: (value: string) => void;
    placeholder?: string;
    suggestions?: readonly string[];
    type?: 'search' | 'text';
}) {
    const { value = '', change } = props;
    const id = useId();
    const input = useRef<HTMLInputElement>(null);
    const timer = useRef<ReturnType<typeof setTimeout>>();
    useEffect(() => () => clearTimeout(timer.current), []);
    // The address may change under the field: back, forward, or all filters taken away.
    useEffect(() => {
        const element = input.current;
        if (element && element.value.trim() !== value) element.value = value;
    }, [value]);
    const settle = (): void => {
        clearTimeout(timer.current);
        const now = input.current?.value.trim() ?? '';
        if (now !== value) change(now);
    };
    const wait = (): void => {
        clearTimeout(timer.current);
        timer.current = setTimeout(settle, debounceMs);
    };
    return (
        <div class="filter" data-search={props.type === 'search'}>
            <label for={id}>{props.label}</label>
            <input
                ref={input}
                id={id}
                type={props.type ?? 'text'}
                defaultValue={value}
                placeholder={props.placeholder ?? ''}
                maxLength={200}
                autocomplete="off"
                spellcheck={false}
                {...(props.suggestions && { list: `${id}-list` })}
                onInput={wait}
                onChange={settle}
            />
            {props.suggestions && (
                <datalist id={`${id}-list`}>
                    {props.suggestions.map((one) => (
                        <option key={one} value={one} />
                    ))}
                </datalist>
            )}
        </div>
    );
}

export function ChoiceFilter(props: {
    label: string;
    value: string | undefined;
    options: readonly { value: string; label: string }[];
    change: (value: string) => void;
    all?: string;
}) {
    const id = useId();
    return (
        <div class="filter">
            <label for={id}>{props.label}</label>
            <select
                id={id}
                value={props.value ?? ''}
                onChange={(event) => props.change(event.currentTarget.value)}
            >
                <option value="">{props.all ?? 'All'}</option>
                {props.options.map(({ value, label }) => (
                    <option key={value} value={value}>
                        {label}
                    </option>
                ))}
            </select>
        </div>
    );
}

export function TimeFilter(props: {
    label: string;
    value: string | undefined;
    change: (value: string) => void;
}) {
    const id = useId();
    return (
        <div class="filter">
            <label for={id}>{props.label}</label>
            <input
                id={id}
                type="datetime-local"
                value={props.value ?? ''}
                onChange={(event) => props.change(event.currentTarget.value)}
            />
        </div>
    );
}
