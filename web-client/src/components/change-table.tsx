import { type Change, diffOf, valueText } from '../admin/diff';

const words: Record<Change['kind'], string> = {
    added: 'added',
    removed: 'removed',
    changed: 'changed',
};

/** Member by member, old and new; said in words too, colour is for those who see it. */
export function ChangeTable({ before, after }: { before: unknown; after: unknown }) {
    const changes = diffOf(before, after);
    if (!changes.length)
        return <p class="empty">Nothing was kept of before and after: it changed no record.</p>;
    return (
        <table class="table change-table">
            <caption class="visually-hidden">What changed</caption>
            <thead>
                <tr>
                    <th scope="col">Member</th>
                    <th scope="col">Before</th>
                    <th scope="col">After</th>
                </tr>
            </thead>
            <tbody>
                {changes.map((change) => (
                    <tr key={`${change.path} ${change.kind} ${valueText(change.old ?? change.new)}`}>
                        <th scope="row">
                            {change.path || 'value'}
                            <small>{words[change.kind]}</small>
                        </th>
                        <td data-label="Before">
                            {change.old === undefined ? '–' : <del>{valueText(change.old)}</del>}
                        </td>
                        <td data-label="After">
                            {change.new === undefined ? '–' : <ins>{valueText(change.new)}</ins>}
                        </td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}
