import { useSignalEffect } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { Header } from './components/header';
import { LiveContext } from './live/context';
import { LiveClient } from './live/client';
import type { Principal } from './live/payloads';
import { DeniedPage } from './pages/denied';
import { NotFoundPage } from './pages/not-found';
import { PartnerDashboard } from './pages/partner-dashboard';
import { SignInPage } from './pages/sign-in';
import { StaffDashboard } from './pages/staff-dashboard';
import { LoadingPage, UnreachablePage } from './pages/waiting';
import { redirect, type Route, route } from './route';
import { fetchToken, session, sessionEnded, signIn } from './session/session';

/** Where a principal starts. */
function homeOf(principal: Principal): Route | undefined {
    if (principal.staff) return { page: 'platform' };
    const first = principal.partners?.[0];
    return first && { page: 'partner', code: first.code };
}

function Page({ principal, at }: { principal: Principal; at: Route }) {
    const home = homeOf(principal);
    useEffect(() => {
        if (home && (at.page === 'home' || at.page === 'sign-in')) redirect(home);
    });
    if (!home) return <DeniedPage principal={principal} />;
    if (principal.staff && at.page === 'platform') return <StaffDashboard />;
    if (principal.staff && at.page === 'partner') return <StaffDashboard partner={at.code} />;
    const membership =
        at.page === 'partner' && principal.partners?.find((one) => one.code === at.code);
    if (membership) return <PartnerDashboard membership={membership} />;
    // A partner that is not ours answers as one that does not exist.
    if (at.page === 'not-found' || at.page === 'partner' || at.page === 'platform')
        return <NotFoundPage home={home} />;
    return null;
}

/** Everything behind the sign-in: one socket for as long as one principal is signed in. */
function Workspace({ principal }: { principal: Principal }) {
    const member = homeOf(principal) !== undefined;
    const live = useMemo(
        () => (member ? new LiveClient(fetchToken, sessionEnded) : undefined),
        [principal.session, member],
    );
    useEffect(() => () => live?.close(), [live]);
    const page = <Page principal={principal} at={route.value} />;
    return (
        <>
            <Header principal={principal} {...(live && { live })} />
            {live ? <LiveContext.Provider value={live}>{page}</LiveContext.Provider> : page}
        </>
    );
}

export function App() {
    useSignalEffect(() => {
        const at = route.value;
        if (at.page === 'sign-in' && at.link) {
            redirect({ page: 'home' });
            session.value = { phase: 'loading' };
            void signIn(at.link);
        }
    });
    const now = session.value;
    if (now.phase === 'loading') return <LoadingPage />;
    if (now.phase === 'unreachable') return <UnreachablePage retry={now.retry} />;
    if (now.phase === 'signed-out')
        return <SignInPage {...(now.reason && { reason: now.reason })} />;
    return <Workspace principal={now.principal} />;
}
