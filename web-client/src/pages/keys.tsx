/** A partner's API keys, with what they are used for as it happens. */
import { useSignal } from '@preact/signals';
import {
    type ApiKey,
    isKeyNotice,
    keyEnd,
    keyState,
    type KeyState,
    prefixOf,
    withNotice,
} from '../access/keys';
import { type Column, DataTable } from '../components/data-table';
import { Icon, type IconName } from '../components/icon';
import {
    CreateKeyDialog,
    EditKeyDialog,
    RevokeKeyDialog,
    RotateKeyDialog,
} from '../components/key-dialogs';
import { PageFrame } from '../components/page';
import { When } from '../components/when';
import { count } from '../format/format';
import { serverNow } from '../live/clock';
import { useLog } from '../live/context';
import { withQuery } from '../session/http';
import { mayChange, type Principal } from '../session/principal';
import { useList } from '../session/resource';

type Open = { what: 'create' } | { what: 'edit' | 'rotate' | 'revoke'; key: ApiKey } | undefined;

interface Rights {
    write: boolean;
    revoke: boolean;
}

const looks: Record<KeyState, { icon: IconName; word: string; look: string }> = {
    active: { icon: 'check', word: 'Active', look: 'completed' },
    retiring: { icon: 'clock', word: 'Retiring', look: 'running' },
    expired: { icon: 'pause', word: 'Expired', look: 'cancelled' },
    revoked: { icon: 'cross', word: 'Revoked', look: 'failed' },
};

function columnsOf(rights: Rights, open: (what: Open) => void): Column<ApiKey>[] {
    const detailed = rights.write || rights.revoke;
    const columns: Column<ApiKey>[] = [
        {
            id: 'name',
            label: 'Name',
            header: true,
            sort: (key) => key.name.toLowerCase(),
            cell: (key) => (
                <>
                    {key.name}
                    <code class="cell-sub">{prefixOf(key)}</code>
                </>
            ),
        },
        { id: 'state', label: 'State', sort: stateOf, cell: (key) => <StateCell apiKey={key} /> },
        {
            id: 'environment',
            label: 'Environment',
            sort: (key) => key.environment,
            cell: (key) => (key.environment === 'live' ? 'Live' : 'Test'),
        },
        { id: 'scopes', label: 'Scopes', cell: (key) => key.scopes.join(', ') },
    ];
    if (detailed) columns.push({ id: 'seats', label: 'Seats', number: true, cell: seatsOf });
    columns.push(
        {
            id: 'requests',
            label: 'Requests',
            number: true,
            sort: (key) => key.requests,
            cell: (key) => count(key.requests),
        },
        {
            id: 'events',
            label: 'Events',
            number: true,
            sort: (key) => key.events,
            cell: (key) => count(key.events),
        },
        {
            id: 'used',
            label: 'Last used',
            sort: (key) => key.last_used_at ?? undefined,
            cell: (key) => <When at={key.last_used_at} none="never" />,
        },
        {
            id: 'ends',
            label: 'Ends',
            sort: keyEnd,
            cell: (key) => <When at={keyEnd(key)} none="never" />,
        },
    );
    if (detailed)
        columns.push({
            id: 'actions',
            label: 'Actions',
            actions: true,
            cell: (key) => <Actions apiKey={key} rights={rights} open={open} />,
        });
    return columns;
}

function stateOf(key: ApiKey): KeyState {
    return keyState(key, serverNow());
}

function StateCell({ apiKey }: { apiKey: ApiKey }) {
    const { icon, word, look } = looks[stateOf(apiKey)];
    return (
        <>
            <span class="state" data-state={look}>
                <Icon name={icon} />
                {word}
            </span>
            {apiKey.revoke_reason && <span class="cell-sub">{apiKey.revoke_reason}</span>}
        </>
    );
}

function seatsOf(key: ApiKey): string {
    return key.max_seats ? `${count(key.seats)} of ${count(key.max_seats)}` : count(key.seats);
}

function Actions(props: { apiKey: ApiKey; rights: Rights; open: (what: Open) => void }) {
    const { apiKey: key, rights, open } = props;
    const state = stateOf(key);
    if (state === 'revoked') return null;
    const button = (what: 'edit' | 'rotate' | 'revoke', word: string) => (
        <button
            type="button"
            class="button button-small"
            aria-label={`${word} ${key.name}`}
            onClick={() => open({ what, key })}
        >
            {word}
        </button>
    );
    return (
        <span class="actions">
            {rights.write && button('edit', 'Limits')}
            {rights.write && state === 'active' && button('rotate', 'Rotate')}
            {rights.revoke && button('revoke', 'Revoke')}
        </span>
    );
}

export function KeysPage({ principal, code }: { principal: Principal; code: string }) {
    const list = useList<ApiKey>(withQuery('/v1/api-keys', { partner: code }));
    const opened = useSignal<Open>(undefined);
    const rights = {
        write: mayChange(principal, 'keys.write', code),
        revoke: mayChange(principal, 'keys.revoke', code),
    };
    useLog(`keys:partner:${code}`, {
        entry: (data) => {
            const page = list.data.peek();
            if (!page || !isKeyNotice(data)) return;
            const items = withNotice(page.items, data);
            if (items) list.set(() => ({ ...page, items }));
            else if (data.event === 'created') void list.reload();
        },
        missed: () => void list.reload(),
    });
    const open = (what: Open): void => {
        opened.value = what;
    };
    return (
        <PageFrame
            title={`API keys of ${nameOf(principal, code)}`}
            tools={
                rights.write && (
                    <button
                        type="button"
                        class="button button-primary"
                        onClick={() => open({ what: 'create' })}
                    >
                        Create a key
                    </button>
                )
            }
        >
            <section class="panel" aria-label="API keys">
                <DataTable
                    caption="API keys"
                    list={list}
                    columns={columnsOf(rights, open)}
                    rowKey={(key) => key.id}
                    rowAttributes={(key) => ({ 'data-key': key.id, 'data-state': stateOf(key) })}
                    empty={
                        rights.write
                            ? 'No key yet. Create one to send events.'
                            : 'No key yet. Who may make one is on the team page.'
                    }
                />
            </section>
            <Opened
                principal={principal}
                code={code}
                open={opened.value}
                close={() => open(undefined)}
                changed={() => void list.reload()}
            />
        </PageFrame>
    );
}

function nameOf(principal: Principal, code: string): string {
    return principal.partners.find((one) => one.code === code)?.name ?? code;
}

function Opened(props: {
    principal: Principal;
    code: string;
    open: Open;
    close: () => void;
    changed: () => void;
}) {
    const { principal, code, open, close, changed } = props;
    if (!open) return null;
    const shared = { close, changed };
    switch (open.what) {
        case 'create':
            return <CreateKeyDialog principal={principal} partner={code} {...shared} />;
        case 'edit':
            return <EditKeyDialog principal={principal} apiKey={open.key} {...shared} />;
        case 'rotate':
            return <RotateKeyDialog apiKey={open.key} {...shared} />;
        case 'revoke':
            return <RevokeKeyDialog apiKey={open.key} {...shared} />;
    }
}
