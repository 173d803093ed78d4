// What the numbers on a screen must be: SQL, recomputed from the jobs.
import assert from 'node:assert/strict';

/** Of a scope, 'platform' or a partner's code, with the log position at which they hold. */
export async function numbersOf(stack, scope) {
    const [[text]] = await stack.sql(`SELECT api.metrics_snapshot('${scope}', true)`);
    const { partners, seq } = JSON.parse(text);
    const sum = (pick) => partners.reduce((total, partner) => total + pick(partner), 0);
    const column = (table, index) =>
        sum((partner) => partner[table].reduce((total, row) => total + row[index], 0));
    return {
        seq,
        in_flight: sum(({ s }) => s[0] + s[1] + s[2]),
        day: { requested: column('minutes', 1), completed: column('minutes', 2), tokens: column('minutes', 6) },
        month: { requested: column('hours', 1), completed: column('hours', 2), tokens: column('hours', 6) },
    };
}

/** Waits until the follower of a metrics channel has all that is stored now, and compares. */
export async function assertNumbers(stack, follower, scope) {
    const expected = await numbersOf(stack, scope);
    const state = await follower.when(() => follower.offset >= expected.seq, `seq ${expected.seq}`);
    const window = ({ requested, completed, tokens }) => ({ requested, completed, tokens });
    assert.equal(state.now.in_flight, expected.in_flight);
    assert.deepEqual(window(state.windows['24h']), expected.day);
    assert.deepEqual(window(state.windows['30d']), expected.month);
}
