// `./run chaos --minutes N [--seed S]`: a long run with a line every few seconds; the exit code tells.
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.mjs';

const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' }, seconds: { type: 'string', default: '14' } },
});
const [minutes, seconds, seed] = [values.minutes, values.seconds, values.seed ?? Math.floor(Math.random() * 2 ** 31)].map(Number);
if (!(minutes > 0 && seconds > 0 && seed >= 0)) {
    console.error('Usage: ./run chaos [--minutes N] [--seed S] [--seconds OF-A-ROUND]');
    process.exit(2);
}
const begin = Date.now();
const log = (text) => console.log(`${String(Math.round((Date.now() - begin) / 1000)).padStart(5)} s  ${text}`);
console.log(`seed ${seed}, ${minutes} minutes`);
try {
    const totals = await runChaos({ seed, minutes, seconds, log });
    log(`done: ${JSON.stringify(totals)}`);
} catch (error) {
    console.error(error);
    process.exitCode = 1;
}
