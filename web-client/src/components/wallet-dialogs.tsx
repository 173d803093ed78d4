import { useMemo } from 'preact/hooks';
import { attemptKey, type WalletEntry, type WalletRequest } from '../access/wallet';
import { count } from '../format/format';
import { post, withQuery } from '../session/http';
import { useResource } from '../session/resource';
import { Dialog } from './dialog';
import { Field, Form, SelectField } from './form';
import { notify } from './toast';

interface Props {
    close: () => void;
    /** Something is another now: the lists are to be asked for again. */
    changed: () => void;
}

export function GrantDialog({ partner, close, changed }: Props & { partner: string }) {
    const key = useMemo(attemptKey, []);
    const rule = useResource<{ alone: number }>(withQuery('/v1/wallet/pending', { partner, limit: 1 }));
    const alone = rule.data.value?.alone;
    return (
        <Dialog title={`Tokens of ${partner}`} close={close}>
            <Form
                label="Book it"
                cancel={close}
                submit={async (entries) => {
                    const amount = entries.number('amount') ?? 0;
                    const made = await post<WalletEntry | WalletRequest>(
                        withQuery('/v1/wallet/entries', { partner }),
                        {
                            amount: entries.text('way') === 'take' ? -amount : amount,
                            reason: entries.text('reason'),
                            idempotency_key: key,
                        },
                    );
                    changed();
                    close();
                    notify(
                        made.state === 'posted'
                            ? `${partner} has ${count(made.balance_after)} tokens now.`
                            : `${count(made.amount)} tokens wait for somebody else to approve them.`,
                    );
                }}
            >
                <div class="form-row">
                    <SelectField
                        name="way"
                        label="What"
                        options={[
                            { value: 'give', label: 'Give' },
                            { value: 'take', label: 'Take away' },
                        ]}
                    />
                    <Field
                        name="amount"
                        label="Tokens"
                        type="number"
                        min={1}
                        max={1e12}
                        hint={
                            alone === undefined
                                ? undefined
                                : `More than ${count(alone)} at once wait until somebody else approves them.`
                        }
                        autofocus
                    />
                </div>
                <Field
                    name="reason"
                    label="Reason"
                    hint="Kept for good; the partner reads it in its ledger."
                    maxLength={500}
                    autocomplete="off"
                />
            </Form>
        </Dialog>
    );
}

export type Decision = 'approve' | 'reject';

export function DecisionDialog(props: Props & { request: WalletRequest; decision: Decision }) {
    const { request, decision, close, changed } = props;
    const what = `${count(request.amount)} tokens for ${request.partner}`;
    const approves = decision === 'approve';
    return (
        <Dialog title={`${approves ? 'Approve' : 'Reject'} ${what}?`} close={close}>
            <p>
                {request.actor.name} asked for it: “{request.reason}”.
            </p>
            <Form
                label={approves ? 'Approve' : 'Reject'}
                danger={!approves}
                cancel={close}
                submit={async () => {
                    await post(`/v1/wallet/entries/${request.id}/${decision}`);
                    changed();
                    close();
                    notify(`${what} are ${approves ? 'approved' : 'rejected'}.`);
                }}
            />
        </Dialog>
    );
}
