import type { ComponentChildren } from 'preact';
import { Brand, ThemeButton } from './header';
import { Icon, type IconName } from './icon';

/** A page with one thing to say. `bare` brings its own brand, for pages without the header. */
export function Notice(props: {
    icon: IconName;
    title: string;
    bare?: boolean;
    children: ComponentChildren;
}) {
    return (
        <main class="notice" id="main" tabIndex={-1}>
            {props.bare && (
                <div class="notice-top">
                    <Brand />
                    <ThemeButton />
                </div>
            )}
            <section class="notice-card">
                <span class="notice-icon">
                    <Icon name={props.icon} />
                </span>
                <h1>{props.title}</h1>
                {props.children}
            </section>
        </main>
    );
}
