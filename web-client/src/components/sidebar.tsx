import { signal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { navigation } from '../nav';
import { hrefOf, navigate, type Route, route } from '../route';
import { isStaff, type Principal } from '../session/principal';
import { Icon } from './icon';

/** On narrow screens the navigation is a drawer. */
const open = signal(false);

/** The partner that was looked at last: the way back from pages that are of no partner. */
const lastCode = signal<string | undefined>(undefined);

export function MenuButton() {
    return (
        <button
            type="button"
            class="icon-button menu-button"
            aria-label="Menu"
            aria-expanded={open.value}
            aria-controls="navigation"
            onClick={() => (open.value = !open.value)}
        >
            <Icon name={open.value ? 'cross' : 'menu'} />
        </button>
    );
}

function codeOf(principal: Principal): string | undefined {
    const at = route.value;
    if ('code' in at) return at.code;
    const last = lastCode.value;
    if (isStaff(principal)) return at.page === 'platform' ? undefined : last;
    return principal.partners.find((one) => one.code === last)?.code ?? principal.partners[0]?.code;
}

export function Sidebar({ principal }: { principal: Principal }) {
    useSignalEffect(() => {
        const at = route.value;
        if ('code' in at) lastCode.value = at.code;
        open.value = false;
    });
    useEffect(() => {
        const onKey = (event: KeyboardEvent): void => {
            if (event.key === 'Escape') open.value = false;
        };
        addEventListener('keydown', onKey);
        return () => removeEventListener('keydown', onKey);
    }, []);
    const code = codeOf(principal);
    return (
        <>
            <nav id="navigation" class="sidebar" aria-label="Pages" data-open={open.value}>
                <PartnerPicker principal={principal} code={code} />
                {navigation(principal, code).map(({ label, items }) => (
                    <section key={label} class="nav-group" aria-label={label}>
                        <h2>{label}</h2>
                        <ul>
                            {items.map((item) => (
                                <li key={item.route.page}>
                                    <a
                                        href={hrefOf(item.route)}
                                        aria-current={isHere(item.route) ? 'page' : undefined}
                                        onClick={() => (open.value = false)}
                                    >
                                        <Icon name={item.icon} />
                                        {item.label}
                                    </a>
                                </li>
                            ))}
                        </ul>
                    </section>
                ))}
            </nav>
            {open.value && <div class="nav-shade" onClick={() => (open.value = false)} />}
        </>
    );
}

function isHere(target: Route): boolean {
    const at = route.value;
    const page = at.page === 'user' ? 'users' : at.page;
    return page === target.page && (!('code' in target) || ('code' in at && at.code === target.code));
}

/** For people who work for several partners. */
function PartnerPicker({ principal, code }: { principal: Principal; code: string | undefined }) {
    if (isStaff(principal) || principal.partners.length < 2) return null;
    const choose = (wanted: string): void => {
        const { page } = route.peek();
        const kept = page === 'team' || page === 'keys' || page === 'tokens';
        navigate({ page: kept ? page : 'partner', code: wanted });
    };
    return (
        <label class="select">
            <span class="visually-hidden">Partner whose pages are listed</span>
            <select value={code} onChange={(event) => choose(event.currentTarget.value)}>
                {principal.partners.map((one) => (
                    <option key={one.code} value={one.code}>
                        {one.name}
                    </option>
                ))}
            </select>
        </label>
    );
}
