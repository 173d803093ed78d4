import { roleName } from '../format/format';
import type { LiveClient } from '../live/client';
import { hrefOf, route } from '../route';
import { isStaff, type Principal } from '../session/principal';
import { signOut } from '../session/session';
import { theme, toggleTheme } from '../theme';
import { Icon } from './icon';
import { closeMenu } from './menu';
import { MenuButton } from './sidebar';
import { StatusPill } from './status';

export function Brand() {
    return (
        <span class="brand">
            <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
                <path d="M6 17v-4M12 17V6M18 17v-7" />
            </svg>
            <span class="brand-name">metrics-hub</span>
        </span>
    );
}

export function ThemeButton() {
    const dark = theme.value === 'dark';
    return (
        <button
            type="button"
            class="icon-button"
            onClick={toggleTheme}
            aria-label={dark ? 'Use light colours' : 'Use dark colours'}
            title={dark ? 'Use light colours' : 'Use dark colours'}
        >
            <Icon name={dark ? 'sun' : 'moon'} />
        </button>
    );
}

function roleOf(principal: Principal): string {
    if (isStaff(principal)) return roleName(`staff ${principal.role ?? ''}`.trim());
    const at = route.value;
    const membership =
        principal.partners.find((one) => 'code' in at && one.code === at.code) ??
        principal.partners[0];
    return membership ? roleName(`partner ${membership.role}`) : 'No workspace';
}

function UserMenu({ principal }: { principal: Principal }) {
    const { name } = principal.user;
    const initials = name
        .split(/\s+/)
        .map((word) => word.charAt(0))
        .slice(0, 2)
        .join('')
        .toUpperCase();
    return (
        <details class="menu" onKeyDown={closeMenu} onFocusOut={closeMenu}>
            <summary aria-label={`Account of ${name}`}>{initials || '?'}</summary>
            <div class="menu-body">
                <p class="menu-name">{name}</p>
                <p class="menu-role">{roleOf(principal)}</p>
                <a class="button" href={hrefOf({ page: 'me' })}>
                    Profile and sessions
                </a>
                <button type="button" class="button" onClick={() => void signOut()}>
                    Sign out
                </button>
            </div>
        </details>
    );
}

export function Header({ principal, live }: { principal: Principal; live?: LiveClient }) {
    return (
        <header class="header">
            <a class="skip" href="#main" onClick={skipToMain}>
                Skip to the content
            </a>
            <div class="header-inner">
                <MenuButton />
                <a class="home" href={hrefOf({ page: 'home' })} aria-label="metrics-hub, start">
                    <Brand />
                </a>
                <div class="header-right">
                    {live && <StatusPill live={live} />}
                    <ThemeButton />
                    <UserMenu principal={principal} />
                </div>
            </div>
        </header>
    );
}

/** The fragment is the route, so the skip link moves the focus itself. */
function skipToMain(event: Event): void {
    event.preventDefault();
    document.getElementById('main')?.focus();
}
