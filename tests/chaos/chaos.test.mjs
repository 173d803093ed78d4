// A short run of `./run chaos`: three rounds of faults, each judged. MH_SEED repeats a schedule.
import { test } from 'node:test';
import { runChaos } from './chaos.mjs';

const seed = Number(process.env.MH_SEED ?? Math.floor(Math.random() * 2 ** 31));

test('chaos: nothing lost, nothing double, nothing late, nothing to the wrong eyes', async (context) => {
    context.diagnostic(`MH_SEED=${seed}`);
    await runChaos({ seed, rounds: 3, log: (line) => context.diagnostic(line) });
});
