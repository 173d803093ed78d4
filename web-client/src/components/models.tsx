import { useSignal } from '@preact/signals';
import { isSettingsNotice, modelBody, type ModelItem, modelKinds } from '../admin/settings';
import { count, duration, money } from '../format/format';
import { systemChannel } from '../live/client';
import { useLog } from '../live/context';
import { HttpProblem, put } from '../session/http';
import { may, type Principal } from '../session/principal';
import { useList } from '../session/resource';
import { type Column, DataTable } from './data-table';
import { Dialog } from './dialog';
import { type Entries, Field, Form, SelectField } from './form';
import { attempt, notify } from './toast';
import { When } from './when';

interface Rights {
    prices: boolean;
}

interface Acts {
    edit: (model: ModelItem) => void;
    changed: () => void;
}

function columnsOf({ prices }: Rights, acts: Acts): Column<ModelItem>[] {
    const columns: Column<ModelItem>[] = [
        {
            id: 'name',
            label: 'Model',
            header: true,
            sort: ({ name }) => name.toLowerCase(),
            cell: ({ id, name }) => (
                <>
                    {name}
                    <code class="cell-sub">{id}</code>
                </>
            ),
        },
        { id: 'kind', label: 'Kind', sort: ({ kind }) => kind, cell: ({ kind }) => kind },
        {
            id: 'enabled',
            label: 'Enabled',
            cell: (model) => <Enabled model={model} changed={acts.changed} />,
        },
        {
            id: 'duration',
            label: 'Longest',
            number: true,
            cell: ({ max_duration_ms: ms }) => (ms === null ? 'any' : duration(ms)),
        },
        {
            id: 'concurrent',
            label: 'At a time',
            number: true,
            cell: ({ max_concurrent: n }) => (n === null ? 'any' : count(n)),
        },
    ];
    if (prices)
        columns.push({
            id: 'price',
            label: 'Price of a unit',
            number: true,
            sort: ({ price }) => price ?? undefined,
            cell: ({ price }) => money(price ?? undefined),
        });
    columns.push(
        {
            id: 'updated',
            label: 'Changed',
            cell: ({ updated_at, updated_by }) => (
                <>
                    <When at={updated_at} />
                    {updated_by && <span class="cell-sub">{updated_by.name}</span>}
                </>
            ),
        },
        {
            id: 'actions',
            label: 'Actions',
            actions: true,
            cell: (model) => (
                <button
                    type="button"
                    class="button button-small"
                    aria-label={`Edit ${model.name}`}
                    onClick={() => acts.edit(model)}
                >
                    Edit
                </button>
            ),
        },
    );
    return columns;
}

function Enabled({ model, changed }: { model: ModelItem; changed: () => void }) {
    const { id, name, enabled } = model;
    const toggle = async (box: HTMLInputElement): Promise<void> => {
        const wanted = box.checked;
        const said = `${name} is ${wanted ? 'enabled' : 'disabled'}.`;
        const body = { ...modelBody(model), enabled: wanted };
        if (!(await attempt(() => put(`/v1/models/${id}`, body), said))) box.checked = enabled;
        changed();
    };
    return (
        <label class="form-choice">
            <input
                type="checkbox"
                role="switch"
                aria-label={`${name} enabled`}
                checked={enabled}
                onChange={(event) => void toggle(event.currentTarget)}
            />
            {enabled ? 'On' : 'Off'}
        </label>
    );
}

export function Models({ principal }: { principal: Principal }) {
    const list = useList<ModelItem>('/v1/models');
    const editing = useSignal<{ model?: ModelItem } | undefined>(undefined);
    const rights = { prices: may(principal, 'metrics.read_cost') };
    const reload = (): void => void list.reload();
    useLog(systemChannel, {
        entry: (data) => {
            if (isSettingsNotice(data, 'models')) reload();
        },
        missed: reload,
    });
    return (
        <section class="panel" aria-labelledby="models-title">
            <header class="panel-head">
                <h2 id="models-title">Models</h2>
                <p class="panel-sub">what generates keeps to them</p>
                <button
                    type="button"
                    class="button button-small"
                    onClick={() => (editing.value = {})}
                >
                    New model
                </button>
            </header>
            <DataTable
                caption="Models"
                list={list}
                columns={columnsOf(rights, {
                    edit: (model) => (editing.value = { model }),
                    changed: reload,
                })}
                rowKey={({ id }) => id}
                rowAttributes={({ id }) => ({ 'data-model': id })}
                empty="No model yet."
            />
            {editing.value && (
                <ModelDialog
                    {...editing.value}
                    prices={rights.prices}
                    close={() => (editing.value = undefined)}
                    changed={reload}
                />
            )}
        </section>
    );
}

/** In seconds on the form. */
function entered(entries: Entries, { prices }: Rights) {
    const seconds = entries.number('max_duration_ms');
    return {
        name: entries.text('name'),
        kind: entries.text('kind'),
        max_duration_ms: seconds === undefined ? null : Math.round(seconds * 1000),
        max_concurrent: entries.number('max_concurrent') ?? null,
        ...(prices && { price: entries.number('price') ?? null }),
    };
}

function ModelDialog(
    props: Rights & { model?: ModelItem; close: () => void; changed: () => void },
) {
    const { model, close, changed } = props;
    const submit = async (entries: Entries): Promise<void> => {
        const id = model?.id ?? entries.text('id');
        try {
            await put(`/v1/models/${encodeURIComponent(id)}`, {
                ...(model && modelBody(model)),
                ...entered(entries, props),
            });
        } catch (error) {
            if (error instanceof HttpProblem && error.status === 409) changed();
            throw error;
        }
        changed();
        close();
        notify(`${entries.text('name')} is saved.`);
    };
    return (
        <Dialog title={model ? `Edit ${model.name}` : 'A new model'} wide close={close}>
            <Form label="Save" cancel={close} submit={submit}>
                <div class="form-row">
                    {!model && (
                        <Field
                            name="id"
                            label="Id"
                            hint="As events name it."
                            maxLength={64}
                            pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
                            autocomplete="off"
                            autofocus
                        />
                    )}
                    <Field name="name" label="Name" maxLength={120} defaultValue={model?.name ?? ''} />
                    <SelectField
                        name="kind"
                        label="Kind"
                        options={modelKinds.map((value) => ({ value, label: value }))}
                        defaultValue={model?.kind ?? 'video'}
                    />
                </div>
                <div class="form-row">
                    <Field
                        name="max_duration_ms"
                        label="Seconds at most"
                        type="number"
                        min={0.001}
                        max={86400}
                        step="any"
                        optional
                        defaultValue={numberText(model?.max_duration_ms, 1000)}
                    />
                    <Field
                        name="max_concurrent"
                        label="At a time"
                        type="number"
                        min={1}
                        max={100000}
                        optional
                        defaultValue={numberText(model?.max_concurrent)}
                    />
                    {props.prices && (
                        <Field
                            name="price"
                            label="Price of a unit"
                            type="number"
                            min={0}
                            max={1000000}
                            step="any"
                            optional
                            defaultValue={numberText(model?.price)}
                        />
                    )}
                </div>
            </Form>
        </Dialog>
    );
}

function numberText(value: number | null | undefined, unit = 1): string {
    return value === null || value === undefined ? '' : String(value / unit);
}
