import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

/** The frame of a page that is not a dashboard: its title, what can be done, and what it shows. */
export function PageFrame(props: {
    title: string;
    /** Beside the title: a state. */
    mark?: ComponentChildren;
    /** Above it: where it belongs. */
    above?: ComponentChildren;
    tools?: ComponentChildren;
    busy?: boolean;
    children: ComponentChildren;
}) {
    const { title } = props;
    useEffect(() => {
        document.title = `${title} · metrics-hub`;
    }, [title]);
    return (
        <main id="main" class="page page-plain" tabIndex={-1} aria-busy={props.busy ?? false}>
            <div class="page-head">
                <div class="page-title">
                    {props.above}
                    <h1>{title}</h1>
                    {props.mark}
                </div>
                {props.tools && <div class="page-tools">{props.tools}</div>}
            </div>
            {props.children}
        </main>
    );
}
