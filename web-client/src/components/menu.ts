/** Closes a `<details>` menu on Escape, or when the focus leaves it. */
export function closeMenu(event: Event): void {
    const details = event.currentTarget;
    if (!(details instanceof HTMLDetailsElement)) return;
    const leaving = event instanceof FocusEvent && !details.contains(event.relatedTarget as Node);
    const escape = event instanceof KeyboardEvent && event.key === 'Escape';
    if (leaving || escape) details.open = false;
}
