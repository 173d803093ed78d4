/** People from a CSV file: first what it would do, row by row, then the same for good. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { columns, inReadingOrder, refusalOf, summaryOf } from '../admin/import';
import type { ImportAnswer } from '../admin/shapes';
import { count } from '../format/format';
import { post } from '../session/http';
import { Badge } from './badge';
import { Dialog } from './dialog';
import { Form } from './form';

const shownAtMost = 200;

interface Chosen {
    name: string;
    text: string;
}

async function send(file: Chosen, dryRun: boolean): Promise<ImportAnswer> {
    const body = new Blob([file.text], { type: 'text/csv' });
    return post<ImportAnswer>(`/v1/users/import${dryRun ? '?dry_run=1' : ''}`, body);
}

export function ImportDialog({ close }: { close: (changed: boolean) => void }) {
    const input = useRef<HTMLInputElement>(null);
    const file = useSignal<Chosen | undefined>(undefined);
    const answer = useSignal<ImportAnswer | undefined>(undefined);
    const done = answer.value?.dry_run === false;
    const changes = answer.value ? summaryOf(answer.value.rows).changes : 0;
    const check = async (chosen: File): Promise<void> => {
        const text = await chosen.text();
        const refusal = refusalOf({ size: chosen.size, text });
        if (refusal) throw new Error(refusal);
        const next = { name: chosen.name, text };
        answer.value = await send(next, true);
        file.value = next;
    };
    return (
        <Dialog title="Import people" wide close={() => close(done)}>
            {!answer.value ? (
                <Form
                    label="Check the file"
                    cancel={() => close(false)}
                    submit={async () => {
                        const chosen = input.current?.files?.[0];
                        if (!chosen) throw new Error('Choose a file.');
                        await check(chosen);
                    }}
                >
                    <p>
                        A CSV file with the columns <code>{columns.join(', ')}</code>. Checking it
                        changes nothing; importing it twice changes nothing the second time. At most
                        5,000 people in one file.
                    </p>
                    <div class="form-field">
                        <label for="import-file">CSV file</label>
                        <input
                            ref={input}
                            id="import-file"
                            type="file"
                            accept=".csv,text/csv"
                            required
                        />
                    </div>
                </Form>
            ) : (
                <>
                    <Summary answer={answer.value} name={file.value?.name ?? ''} />
                    <Results answer={answer.value} />
                    {done ? (
                        <div class="form-actions">
                            <button
                                type="button"
                                class="button button-primary"
                                onClick={() => close(true)}
                            >
                                Done
                            </button>
                        </div>
                    ) : (
                        <Form
                            label={`Import ${count(changes)} ${changes === 1 ? 'person' : 'people'}`}
                            busyLabel="Importing…"
                            cancel={() => (answer.value = undefined)}
                            submit={async () => {
                                if (!changes)
                                    throw new Error('There is nothing to import in this file.');
                                if (file.value) answer.value = await send(file.value, false);
                            }}
                        />
                    )}
                </>
            )}
        </Dialog>
    );
}

function Summary({ answer, name }: { answer: ImportAnswer; name: string }) {
    const { rows, counts } = summaryOf(answer.rows);
    return (
        <p role="status" class="import-summary">
            <strong>{answer.dry_run ? 'Nothing was changed yet. ' : 'Imported. '}</strong>
            {name}: {count(rows)} rows
            {counts.map((one) => `, ${count(one.count)} ${one.result}`).join('')}.
        </p>
    );
}

function Results({ answer }: { answer: ImportAnswer }) {
    const rows = inReadingOrder(answer.rows);
    return (
        <div class="scroll import-rows" tabIndex={0} role="region" aria-label="Results by row">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col" class="number">
                            Row
                        </th>
                        <th scope="col">E-mail</th>
                        <th scope="col">Result</th>
                        <th scope="col">Why</th>
                    </tr>
                </thead>
                <tbody>
                    {rows.slice(0, shownAtMost).map((row) => (
                        <tr key={row.row} data-row={row.row} data-result={row.result}>
                            <td class="number">{row.row}</td>
                            <th scope="row">{row.email ?? '–'}</th>
                            <td>
                                <Badge state={row.result} />
                            </td>
                            <td>{[row.field, row.reason].filter(Boolean).join(': ')}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
            {rows.length > shownAtMost && (
                <p class="empty">
                    {count(rows.length - shownAtMost)} more rows are not shown; errors come first.
                </p>
            )}
        </div>
    );
}
