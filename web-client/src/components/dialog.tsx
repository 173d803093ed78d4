import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

/** Modal for as long as it is on the page. Escape closes it, unless it `holds` what is shown once. */
export function Dialog(props: {
    title: string;
    close: () => void;
    wide?: boolean;
    holds?: boolean;
    children: ComponentChildren;
}) {
    const ref = useRef<HTMLDialogElement>(null);
    const title = useId();
    const leaving = useRef(false);
    useLayoutEffect(() => {
        const dialog = ref.current;
        dialog?.showModal();
        return () => {
            // Closing gives the focus back; taking the element away does not.
            leaving.current = true;
            dialog?.close();
        };
    }, []);
    return (
        <dialog
            ref={ref}
            class="dialog"
            data-wide={props.wide}
            aria-labelledby={title}
            onCancel={(event) => {
                event.preventDefault();
                if (!props.holds) props.close();
            }}
            // Browsers close it at the second Escape, whatever the page says to the first.
            onClose={() => {
                if (!leaving.current) props.close();
            }}
        >
            <h2 id={title}>{props.title}</h2>
            {props.children}
        </dialog>
    );
}
