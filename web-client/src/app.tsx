import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { isSettingsNotice } from './admin/settings';
import { Header } from './components/header';
import { ImpersonationBanner } from './components/impersonation';
import { Sidebar } from './components/sidebar';
import { StepUpDialog } from './components/step-up';
import { Toasts } from './components/toast';
import { LiveContext, useLog } from './live/context';
import { LiveClient, systemChannel } from './live/client';
import { hasWorkspace, homeOf, mayOpen, switchedOff } from './nav';
import { AuditPage } from './pages/audit';
import { DeniedPage } from './pages/denied';
import { ExplainPage } from './pages/explain';
import { InvitationPage } from './pages/invitation';
import { KeysPage } from './pages/keys';
import { MePage } from './pages/me';
import { NotFoundPage } from './pages/not-found';
import { PartnerDashboard } from './pages/partner-dashboard';
import { PartnersPage } from './pages/partners';
import { RolesPage } from './pages/roles';
import { SignInPage } from './pages/sign-in';
import { SettingsPage } from './pages/settings';
import { StaffDashboard } from './pages/staff-dashboard';
import { SwitchedOffPage } from './pages/switched-off';
import { UserPage } from './pages/user';
import { UsersPage } from './pages/users';
import { TeamPage } from './pages/team';
import { TokensPage } from './pages/tokens';
import { LoadingPage, UnreachablePage } from './pages/waiting';
import { WalletsPage } from './pages/wallets';
import { redirect, type Route, route } from './route';
import { isStaff, membershipIn, type Principal } from './session/principal';
import {
    fetchToken,
    onFlagsChanged,
    onSessionNotice,
    session,
    sessionEnded,
    signInByLink,
} from './session/session';

/** Of pages that may be opened (nav.ts). */
function pageAt(principal: Principal, at: Route): VNode | undefined {
    switch (at.page) {
        case 'platform':
            return <StaffDashboard />;
        case 'partner': {
            if (isStaff(principal)) return <StaffDashboard partner={at.code} />;
            const membership = membershipIn(principal, at.code);
            return membership && <PartnerDashboard membership={membership} />;
        }
        case 'partners':
            return <PartnersPage principal={principal} />;
        case 'settings':
            return <SettingsPage principal={principal} />;
        case 'users':
            return <UsersPage principal={principal} />;
        case 'user':
            return <UserPage key={at.id} principal={principal} id={at.id} />;
        case 'roles':
            return <RolesPage principal={principal} />;
        case 'audit':
            return <AuditPage principal={principal} />;
        case 'explain':
            return <ExplainPage />;
        case 'team':
            return <TeamPage key={at.code} principal={principal} code={at.code} />;
        case 'keys':
            return <KeysPage key={at.code} principal={principal} code={at.code} />;
        case 'tokens':
            return <TokensPage key={at.code} principal={principal} code={at.code} />;
        case 'wallets':
            return <WalletsPage principal={principal} />;
        case 'me':
            return <MePage principal={principal} />;
        default:
            return undefined;
    }
}

function Page({ principal, at }: { principal: Principal; at: Route }) {
    const home = homeOf(principal);
    const arriving = at.page === 'home' || at.page === 'sign-in';
    const member = hasWorkspace(principal);
    useEffect(() => {
        if (arriving && member) redirect((at.page === 'sign-in' && at.then) || home);
    });
    if (!member && at.page !== 'me') return <DeniedPage principal={principal} />;
    if (arriving) return null;
    const flag = switchedOff(principal, at);
    if (flag) return <SwitchedOffPage flag={flag} home={home} />;
    // Somebody else's page answers as one that does not exist.
    const page = mayOpen(principal, at) ? pageAt(principal, at) : undefined;
    return page ?? <NotFoundPage home={home} />;
}

/** Flags are for a partner's people; staff has everything. */
function FlagNotices({ principal }: { principal: Principal }) {
    useLog(isStaff(principal) ? undefined : systemChannel, {
        entry: (data) => {
            if (isSettingsNotice(data, 'flags')) onFlagsChanged();
        },
        missed: onFlagsChanged,
    });
    return null;
}

/** Everything behind the sign-in: one socket for as long as one principal is signed in. */
function Workspace({ principal }: { principal: Principal }) {
    const member = hasWorkspace(principal);
    const live = useMemo(
        () => (member ? new LiveClient(fetchToken, sessionEnded, onSessionNotice) : undefined),
        [principal.session.id, member],
    );
    useEffect(() => () => live?.close(), [live]);
    const page = <Page principal={principal} at={route.value} />;
    return (
        <LiveContext.Provider value={live}>
            <FlagNotices principal={principal} />
            <Header principal={principal} {...(live && { live })} />
            <ImpersonationBanner principal={principal} />
            <div class="shell">
                <Sidebar principal={principal} />
                {page}
            </div>
            <StepUpDialog principal={principal} />
            <Toasts />
        </LiveContext.Provider>
    );
}

export function App() {
    useSignalEffect(() => {
        const at = route.value;
        if (at.page === 'sign-in' && at.link) {
            redirect(at.then ?? { page: 'home' });
            session.value = { phase: 'loading' };
            void signInByLink(at.link);
        }
    });
    const now = session.value;
    const at = route.value;
    if (at.page === 'invitation') return <InvitationPage token={at.token} />;
    if (now.phase === 'loading') return <LoadingPage />;
    if (now.phase === 'unreachable') return <UnreachablePage retry={now.retry} />;
    if (now.phase === 'signed-out')
        return <SignInPage {...(now.reason && { reason: now.reason })} />;
    return <Workspace principal={now.principal} />;
}
