/**
 * A text that follows the signals it reads. It is a component of its own, so that a change redraws
 * this text and nothing around it; reading while rendering keeps it right when its closure changes.
 */
export function Live({ of }: { of: () => string }) {
    return <>{of()}</>;
}
