import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

/** Modal for as long as it is on the page; `close` is asked for by Escape. */
export function Dialog(props: {
    title: string;
    close: () => void;
    wide?: boolean;
    children: ComponentChildren;
}) {
    const ref = useRef<HTMLDialogElement>(null);
    const title = useId();
    useLayoutEffect(() => {
        const dialog = ref.current;
        dialog?.showModal();
        // Closing gives the focus back; taking the element away does not.
        return () => dialog?.close();
    }, []);
    return (
        <dialog
            ref={ref}
            class="dialog"
            data-wide={props.wide}
            aria-labelledby={title}
            onCancel={(event) => {
                event.preventDefault();
                props.close();
            }}
        >
            <h2 id={title}>{props.title}</h2>
            {props.children}
        </dialog>
    );
}
