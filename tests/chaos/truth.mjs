// What every screen must show, computed from the jobs themselves: no rollup, no log, no snapshot
// function of the product takes part.
const windows = { '5m': ['minute', 5], '1h': ['minute', 60], '24h': ['minute', 1440], '30d': ['hour', 720] };
const series = { minute: [1, 60], hour: [60, 24], day: [1440, 30] };
const names = ['requested', 'queued', 'running', 'completed', 'failed', 'cancelled'];
const counters = ['requested', 'completed', 'failed', 'cancelled', 'retried', 'tokens', 'units', 'cost', 'published', 'users'];

const minute = (column) => `floor(extract(epoch FROM ${column}) / 60)::bigint`;
const ms = (column) => `round(extract(epoch FROM ${column}) * 1000)::bigint`;
const live = `app.generation_jobs g JOIN app.partners p USING (partner_id) WHERE g.environment = 0`;

const count = (column, values) => `
    SELECT p.code, ${minute(column)} AS minute, ${values} FROM ${live} AND ${column} IS NOT NULL GROUP BY 1, 2`;

const countersQuery = `
    SELECT json_build_object('minute', ${minute('statement_timestamp()')}, 'rows', json_agg(c)) FROM (
        SELECT code, minute, ${counters.map((name) => `sum(${name}) AS ${name}`).join(', ')} FROM (
            ${count('g.requested_at', 'count(*) AS requested, 0 AS completed, 0 AS failed, 0 AS cancelled, 0 AS retried, 0 AS tokens, 0 AS units, 0 AS cost, 0 AS published, 0 AS users')}
            UNION ALL ${count('g.terminal_at', `0, count(*) FILTER (WHERE g.state = 4), count(*) FILTER (WHERE g.state = 5),
                count(*) FILTER (WHERE g.state = 6), count(*) FILTER (WHERE g.attempt > 1), coalesce(sum(g.tokens), 0),
                coalesce(sum(g.units), 0), coalesce(sum(g.cost_micros), 0), 0, 0`)}
            UNION ALL ${count('g.published_at', '0, 0, 0, 0, 0, 0, 0, 0, count(*), 0')}
            UNION ALL SELECT p.code, ${minute('u.last_seen_at')}, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(*)
                FROM app.end_users u JOIN app.partners p USING (partner_id) GROUP BY 1, 2) t
        GROUP BY code, minute) c`;

/* Per scope and span of minutes: the nearest-rank percentiles. */
const ranks = { d: [['p50_ms', 0.5], ['p95_ms', 0.95], ['p99_ms', 0.99]], q: [['queue_p50_ms', 0.5], ['queue_p95_ms', 0.95]] };
const percentiles = (kind, value, time) => `
    SELECT coalesce(code, 'platform') AS code, span, ${ranks[kind].map(([name, q]) =>
        `(array_agg(v ORDER BY v))[1 + floor(${q} * (count(*) - 1))::int] AS ${name}`).join(', ')}
    FROM (SELECT p.code, ${value} AS v, ${minute(time)} AS minute FROM ${live} AND ${value} IS NOT NULL) s
    JOIN span ON s.minute BETWEEN span.first AND span.last
    GROUP BY GROUPING SETS ((span, code), (span))`;

function spans(now) {
    const rows = Object.entries(windows).map(([name, [grain, n]]) =>
        [name, grain === 'minute' ? now - n + 1 : (Math.floor(now / 60) - n + 1) * 60, now]);
    for (const [grain, [width, n]] of Object.entries(series))
        for (let i = 0; i < n; i++) {
            const bucket = Math.floor(now / width) - i;
            rows.push([`${grain} ${bucket * width * 60}`, bucket * width, bucket * width + width - 1]);
        }
    return rows.map(([name, first, last]) => `('${name}', ${first}, ${last})`).join(', ');
}

async function json(stack, query) {
    // Postgres puts line ends between the elements of an array.
    const text = (await stack.sql(query)).flat().join('\n');
    return text === '' ? null : JSON.parse(text);
}

async function readPercentiles(stack, now) {
    const found = new Map();
    for (const [kind, value, time] of [['d', 'g.duration_ms', 'g.terminal_at'], ['q', 'g.queue_ms', 'g.first_started_at']]) {
        const rows = await json(stack,
            `WITH span (span, first, last) AS (VALUES ${spans(now)})
             SELECT json_agg(r) FROM (${percentiles(kind, value, time)}) r`);
        for (const { code, span, ...values } of rows ?? [])
            found.set(`${code} ${span}`, { ...found.get(`${code} ${span}`), ...values });
    }
    return found;
}

function sum(rows, first, last) {
    const total = Object.fromEntries(counters.map((name) => [name, 0]));
    for (const row of rows)
        if (row.minute >= first && row.minute <= last) for (const name of counters) total[name] += Number(row[name]);
    return total;
}

const ratio = (part, whole) => Math.round((part / whole) * 1e6) / 1e6;
const costOf = (total, classes) => (classes.has('F2') ? { cost: total.cost / 1e6 } : {});

function window(total, percentile, classes) {
    const { requested, completed, failed, cancelled, retried, published, users, tokens, units } = total;
    const decided = completed + failed;
    return {
        requested, completed, failed, cancelled, retried, published, active_users: users, tokens, units,
        ...(decided ? { success_rate: ratio(completed, decided), failure_rate: ratio(failed, decided) } : {}),
        ...(decided + cancelled ? { retry_rate: ratio(retried, decided + cancelled) } : {}),
        ...percentile, ...costOf(total, classes),
    };
}

function windowSpan(now, name) {
    const [grain, n] = windows[name];
    return grain === 'minute' ? [now - n + 1, now] : [(Math.floor(now / 60) - n + 1) * 60, Infinity];
}

const mapObject = (object, change) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(name, value)]));

function bucket(data, scope, rows, grain, start, width, classes) {
    const total = sum(rows, start, start + width - 1);
    const { requested, completed, failed, cancelled } = total;
    const p95 = data.percentiles.get(`${scope} ${grain} ${start * 60}`)?.p95_ms;
    return { requested, completed, failed, cancelled, ...(p95 === undefined ? {} : { p95_ms: p95 }), ...costOf(total, classes) };
}

function seriesOf(data, scope, rows, classes) {
    return mapObject(series, (grain, [width, n]) => {
        const buckets = {};
        for (let i = n - 1; i >= 0; i--) {
            const start = (Math.floor(data.minute / width) - i) * width;
            buckets[start * 60] = bucket(data, scope, rows, grain, start, width, classes);
        }
        return buckets;
    });
}

function open(data, codes) {
    const rows = data.open.filter(({ code }) => codes.includes(code));
    const of = (state) => rows.filter((row) => row.state === state).reduce((n, row) => n + row.n, 0);
    const oldest = Math.min(...rows.map((row) => row.oldest));
    const in_flight = of(1) + of(2) + of(3);
    return {
        requested: of(1), queued: of(2), running: of(3), in_flight, stuck: 0,
        ...(rows.length ? { oldest_at: oldest * 1000 } : {}),
    };
}

function partnerRow(data, code) {
    const rows = data.rows.filter((row) => row.code === code);
    return {
        name: code, in_flight: open(data, [code]).in_flight, stuck: 0,
        windows: mapObject(windows, (name) => {
            const { requested, completed, failed } = sum(rows, ...windowSpan(data.minute, name));
            const p95 = data.percentiles.get(`${code} ${name}`)?.p95_ms;
            return { requested, completed, failed, ...(p95 === undefined ? {} : { p95_ms: p95 }) };
        }),
    };
}

function metrics(data, scope, classes) {
    const codes = scope === 'platform' ? data.codes : [scope];
    const rows = data.rows.filter(({ code }) => codes.includes(code));
    return {
        now: { ...open(data, codes), stuck_after_ms: data.stuckAfterMs },
        windows: mapObject(windows, (name) =>
            window(sum(rows, ...windowSpan(data.minute, name)), data.percentiles.get(`${scope} ${name}`), classes)),
        series: seriesOf(data, scope, rows, classes),
        partial: mapObject(series, (grain, [width]) => String(Math.floor(data.minute / width) * width * 60)),
        ...(scope === 'platform' ? { partners: Object.fromEntries(data.codes.map((code) => [code, partnerRow(data, code)])) } : {}),
    };
}

const jobColumns = `p.code AS partner, g.job_key, g.state, g.attempt, g.model, g.entrypoint, g.project,
    ${ms('g.requested_at')} AS requested_at, ${ms('g.queued_at')} AS queued_at, ${ms('g.started_at')} AS started_at,
    ${ms('g.terminal_at')} AS terminal_at, ${ms('g.published_at')} AS published_at, g.progress, g.duration_ms,
    g.queue_ms, g.units, g.tokens, g.cost_micros, g.error_class, g.error_message, g.prompt, g.asset_url, g.end_user,
    ${ms('g.last_event_at')} AS updated_at`;

const classOf = { cost: 'F2', error_message: 'F1', prompt: 'F1', asset_url: 'F1', end_user: 'F3' };

function job({ job_key: key, state, terminal_at: end, cost_micros: micros, error_class, error_message, ...row }, classes) {
    const fields = {
        ...row, state: names[state - 1],
        ...(state > 3 ? { [`${names[state - 1]}_at`]: end } : {}),
        ...(micros === null ? {} : { cost: micros / 1e6 }),
        ...(state === 5 ? { error_class, error_message } : {}),
    };
    const visible = Object.entries(fields).filter(
        ([name, value]) => value !== null && classes.has(classOf[name] ?? 'F0'));
    return [`${row.partner}/${key}`, Object.fromEntries(visible)];
}

/* Newest request first; of equal ones the larger id. */
function newest(rows) {
    const id = (row) => `${row.partner}/${row.job_key}`;
    return rows.sort((a, b) => b.requested_at - a.requested_at || (id(a) < id(b) ? 1 : -1)).slice(0, 100);
}

/** Reads Postgres once; `state(channel, classes)` then gives what such an audience must see. */
export async function readTruth(stack, codes, stuckAfterMs) {
    const { minute: now, rows } = await json(stack, countersQuery);
    const open = await json(stack, `
        SELECT json_agg(r) FROM (
            SELECT p.code, g.state, count(*) AS n, min(floor(extract(epoch FROM g.requested_at))) AS oldest
            FROM ${live} AND g.terminal_at IS NULL AND g.requested_at IS NOT NULL GROUP BY 1, 2) r`);
    const jobs = new Map();
    for (const scope of ['platform', ...codes]) {
        const where = scope === 'platform' ? '' : `AND p.code = '${scope}'`;
        jobs.set(scope, newest(await json(stack, `
            SELECT json_agg(r) FROM (SELECT ${jobColumns} FROM ${live} AND g.requested_at IS NOT NULL ${where}
                                     ORDER BY g.requested_at DESC LIMIT 150) r`) ?? []));
    }
    const percentiles = await readPercentiles(stack, now);
    const data = { minute: now, rows: rows ?? [], open: open ?? [], percentiles, codes, stuckAfterMs };
    return {
        minute: now,
        state(channel, classes) {
            const [kind, ...scope] = channel.split(':');
            if (kind === 'metrics') return metrics(data, scope.at(-1), classes);
            return { jobs: Object.fromEntries(jobs.get(scope.at(-1)).map((row) => job(row, classes))) };
        },
    };
}
