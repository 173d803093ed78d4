import { useSignal } from '@preact/signals';
import { put } from '../session/http';
import { useResource } from '../session/resource';
import { Dialog } from './dialog';
import { Form, TextField } from './form';

interface Domains {
    domains: string[];
}

/** Staff say which e-mail domains are a partner's. */
export function PartnerDomains({ code }: { code: string }) {
    const path = `/v1/partners/${code}/domains`;
    const resource = useResource<Domains>(path);
    const editing = useSignal(false);
    const domains = resource.data.value?.domains;
    return (
        <section class="panel" aria-labelledby="domains-title">
            <header class="panel-head">
                <h2 id="domains-title">E-mail domains</h2>
                <button
                    type="button"
                    class="button button-small"
                    disabled={!domains}
                    onClick={() => (editing.value = true)}
                >
                    Change
                </button>
            </header>
            <p class="panel-text">
                {domains?.length
                    ? domains.join(', ')
                    : (resource.error.value?.message ?? 'None: people come by invitation only.')}
            </p>
            {editing.value && domains && (
                <DomainsDialog
                    path={path}
                    domains={domains}
                    close={() => (editing.value = false)}
                    changed={(now) => resource.set(() => now)}
                />
            )}
        </section>
    );
}

function DomainsDialog(props: {
    path: string;
    domains: string[];
    close: () => void;
    changed: (now: Domains) => void;
}) {
    const { path, domains, close, changed } = props;
    return (
        <Dialog title="E-mail domains" close={close}>
            <Form
                label="Save"
                cancel={close}
                submit={async (entries) => {
                    const wanted = entries.text('domains').split(/[\s,]+/).filter(Boolean);
                    changed(await put<Domains>(path, { domains: wanted }));
                    close();
                }}
            >
                <TextField
                    name="domains"
                    label="Domains, one per line"
                    hint="Who signs in at the identity provider with a verified address in one of these becomes a viewer of this partner. Never name a domain of a mail provider."
                    defaultValue={domains.join('\n')}
                    optional
                />
            </Form>
        </Dialog>
    );
}
