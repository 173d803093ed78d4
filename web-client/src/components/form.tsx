/** Forms: native inputs, read when they are sent; a problem is shown at the field that it names. */
import { type Signal, useSignal } from '@preact/signals';
import { type ComponentChildren, createContext } from 'preact';
import type { InputHTMLAttributes } from 'preact';
import { useContext, useId, useRef } from 'preact/hooks';
import { HttpProblem, messageOf } from '../session/http';
import { Cancelled } from '../session/step-up';

const ProblemContext = createContext<Signal<Error | undefined> | undefined>(undefined);

/** What was entered, without the blanks around it. */
export class Entries {
    constructor(private readonly data: FormData) {}

    text(name: string): string {
        const value = this.data.get(name);
        return typeof value === 'string' ? value.trim() : '';
    }

    /** As it was typed: passwords. */
    raw(name: string): string {
        const value = this.data.get(name);
        return typeof value === 'string' ? value : '';
    }

    all(name: string): string[] {
        return this.data.getAll(name).filter((value) => typeof value === 'string');
    }

    number(name: string): number | undefined {
        const text = this.text(name);
        return text === '' ? undefined : Number(text);
    }
}

export function Form(props: {
    /** Throws what went wrong. */
    submit: (entries: Entries) => Promise<void>;
    label: string;
    /** Of the button while it works. */
    busyLabel?: string;
    danger?: boolean;
    cancel?: () => void;
    class?: string;
    children?: ComponentChildren;
}) {
    const problem = useSignal<Error | undefined>(undefined);
    const busy = useSignal(false);
    const ref = useRef<HTMLFormElement>(null);
    const submit = async (event: SubmitEvent): Promise<void> => {
        event.preventDefault();
        const form = ref.current;
        if (!form || busy.peek()) return;
        busy.value = true;
        problem.value = undefined;
        try {
            await props.submit(new Entries(new FormData(form)));
        } catch (error) {
            if (!(error instanceof Cancelled))
                problem.value = error instanceof Error ? error : new Error(messageOf(error));
        }
        busy.value = false;
        const wrong = problem.peek();
        if (wrong instanceof HttpProblem && wrong.field)
            form.querySelector<HTMLElement>(`[name="${CSS.escape(wrong.field)}"]`)?.focus();
    };
    return (
        <ProblemContext.Provider value={problem}>
            <form
                ref={ref}
                class={`form ${props.class ?? ''}`}
                onSubmit={(event) => void submit(event)}
                aria-busy={busy.value}
            >
                <FormProblem problem={problem} form={ref} />
                {props.children}
                <div class="form-actions">
                    <button
                        type="submit"
                        class={`button ${props.danger ? 'button-danger' : 'button-primary'}`}
                        aria-disabled={busy.value}
                    >
                        {busy.value ? (props.busyLabel ?? 'Working…') : props.label}
                    </button>
                    {props.cancel && (
                        <button type="button" class="button" onClick={props.cancel}>
                            Cancel
                        </button>
                    )}
                </div>
            </form>
        </ProblemContext.Provider>
    );
}

/** What is of no field on the form. */
function FormProblem(props: {
    problem: Signal<Error | undefined>;
    form: { current: HTMLFormElement | null };
}) {
    const problem = props.problem.value;
    if (!problem) return null;
    const field = problem instanceof HttpProblem ? problem.field : '';
    if (field && props.form.current?.querySelector(`[name="${CSS.escape(field)}"]`)) return null;
    return (
        <p class="form-problem" role="alert">
            {sentence(problem.message)}
        </p>
    );
}

function sentence(text: string): string {
    const first = text.charAt(0).toUpperCase() + text.slice(1);
    return /[.!?]$/.test(first) ? first : `${first}.`;
}

interface FieldProps {
    name: string;
    label: string;
    hint?: ComponentChildren;
    optional?: boolean;
}

/** The problem's text for a field of this name, and the ids that tie them together. */
function useField(name: string, hinted: boolean) {
    const id = useId();
    const problem = useContext(ProblemContext)?.value;
    const wrong =
        problem instanceof HttpProblem && problem.field === name ? problem.message : undefined;
    const described = [hinted && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(' ');
    return {
        id,
        wrong,
        aria: {
            id,
            name,
            'aria-invalid': wrong ? (true as const) : undefined,
            'aria-describedby': described || undefined,
        },
    };
}

function FieldFrame(
    props: FieldProps & { id: string; wrong: string | undefined; children: ComponentChildren },
) {
    return (
        <div class="form-field">
            <label for={props.id}>
                {props.label}
                {props.optional && <span class="form-optional"> optional</span>}
            </label>
            {props.children}
            {props.hint && (
                <p class="form-hint" id={`${props.id}-hint`}>
                    {props.hint}
                </p>
            )}
            {props.wrong && (
                <p class="form-wrong" id={`${props.id}-wrong`} role="alert">
                    {sentence(props.wrong)}
                </p>
            )}
        </div>
    );
}

type InputProps = Pick<
    InputHTMLAttributes<HTMLInputElement>,
    | 'type' | 'value' | 'defaultValue' | 'autocomplete' | 'inputMode' | 'minLength' | 'maxLength'
    | 'min' | 'max' | 'step' | 'pattern' | 'placeholder' | 'autofocus' | 'readOnly' | 'list' | 'onInput'
>;

/** Required unless `optional`. */
export function Field(props: FieldProps & InputProps) {
    const { name, label, hint, optional, ...input } = props;
    const field = useField(name, hint !== undefined);
    return (
        <FieldFrame {...props} {...field}>
            <input spellcheck={false} required={!optional} {...input} {...field.aria} />
        </FieldFrame>
    );
}

export function TextField(props: FieldProps & { rows?: number; maxLength?: number; defaultValue?: string }) {
    const { name, optional, rows = 3, maxLength, defaultValue } = props;
    const field = useField(name, props.hint !== undefined);
    return (
        <FieldFrame {...props} {...field}>
            <textarea
                rows={rows}
                required={!optional}
                {...(maxLength && { maxLength })}
                {...(defaultValue !== undefined && { defaultValue })}
                {...field.aria}
            />
        </FieldFrame>
    );
}

export interface Option {
    value: string;
    label: string;
    disabled?: boolean;
}

export function SelectField(
    props: FieldProps & {
        options: readonly Option[];
        defaultValue?: string;
        onChange?: (value: string) => void;
    },
) {
    const field = useField(props.name, props.hint !== undefined);
    return (
        <FieldFrame {...props} {...field}>
            <select
                required={!props.optional}
                onChange={(event) => props.onChange?.(event.currentTarget.value)}
                {...field.aria}
            >
                {props.options.map(({ value, label, disabled }) => (
                    <option
                        key={value}
                        value={value}
                        selected={value === props.defaultValue}
                        disabled={disabled ?? false}
                    >
                        {label}
                    </option>
                ))}
            </select>
        </FieldFrame>
    );
}

/** Any of the options; all share the name. */
export function ChoiceField(
    props: FieldProps & { options: readonly Option[]; chosen?: readonly string[] },
) {
    const { id, wrong } = useField(props.name, props.hint !== undefined);
    return (
        <fieldset class="form-field" aria-describedby={props.hint ? `${id}-hint` : undefined}>
            <legend>
                {props.label}
                {props.optional && <span class="form-optional"> optional</span>}
            </legend>
            <div class="form-choices">
                {props.options.map(({ value, label, disabled }) => (
                    <label key={value} class="form-choice">
                        <input
                            type="checkbox"
                            name={props.name}
                            value={value}
                            defaultChecked={props.chosen?.includes(value) ?? false}
                            disabled={disabled ?? false}
                        />
                        {label}
                    </label>
                ))}
            </div>
            {props.hint && (
                <p class="form-hint" id={`${id}-hint`}>
                    {props.hint}
                </p>
            )}
            {wrong && (
                <p class="form-wrong" role="alert">
                    {sentence(wrong)}
                </p>
            )}
        </fieldset>
    );
}
