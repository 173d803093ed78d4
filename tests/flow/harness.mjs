// A private stack for one test file: real Postgres, Redis, metrics-ingest and metrics-hub on free
// loopback ports in a folder of its own, all ended by close(). Programs come from MH_BUILD_DIR.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

const run = promisify(execFile);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const build = process.env.MH_BUILD_DIR ?? path.join(root, 'build/asan');
export const program = (name) => path.join(build, 'bin', name);

/** Resolves with the first truthy value of `probe`, asked every 20 ms; rejects after `ms`. */
export async function until(probe, what, ms = 15_000) {
    const deadline = Date.now() + ms;
    let last;
    for (;;) {
        try {
            const value = await probe();
            if (value) return value;
            last = undefined;
        } catch (error) {
            last = error;
        }
        if (Date.now() > deadline)
            throw new Error(`waited ${ms} ms for ${what}`, { cause: last });
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

export async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

/** One request over a connection of its own, which a worker other than the last one may take. */
export async function get(url, options = {}, body = undefined) {
    const request = http.request(url, { agent: false, ...options }).end(body);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, headers: response.headers, body: text };
}

/** The process ids of a daemon's workers, of Postgres' backends. */
export function workersOf(child) {
    const { pid } = child.process;
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** RFC 7396. Written here because the client under test must not judge itself. */
export function mergePatch(target, patch) {
    if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
    const merged =
        target !== null && typeof target === 'object' && !Array.isArray(target) ? target : {};
    for (const [key, value] of Object.entries(patch)) {
        if (value === null) delete merged[key];
        else merged[key] = mergePatch(merged[key], value);
    }
    return merged;
}

/** A child process with its output kept for the failure message. */
export class Child {
    constructor(name, command, args, options = {}) {
        this.name = name;
        this.output = '';
        this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
        for (const stream of [this.process.stdout, this.process.stderr])
            stream.on('data', (chunk) => {
                this.output = (this.output + chunk).slice(-200_000);
                if (process.env.MH_TEST_VERBOSE) process.stderr.write(chunk);
            });
        this.exited = new Promise((resolve) =>
            this.process.once('exit', (code, signal) => resolve({ code, signal })),
        );
        this.exited.then(() => (this.ended = true));
    }

    kill(signal) {
        if (!this.ended) this.process.kill(signal);
    }

    /** Ends the child and says how it ended; a sanitizer's report fails the test that stops it. */
    async stop(signal = 'SIGTERM') {
        this.kill(signal);
        const timer = setTimeout(() => this.kill('SIGKILL'), 20_000);
        const ending = await this.exited;
        clearTimeout(timer);
        if (/ERROR: (Address|Leak)Sanitizer|runtime error:/.test(this.output))
            throw new Error(`${this.name}: sanitizer report\n${this.output.slice(-6000)}`);
        return ending;
    }
}

export class Postgres {
    constructor(folder, port, settings) {
        this.folder = folder;
        this.port = port;
        this.settings = settings;
        this.password = randomBytes(18).toString('base64url');
        const version = fs.readdirSync('/usr/lib/postgresql').sort((a, b) => b - a)[0];
        this.binaries = `/usr/lib/postgresql/${version}/bin`;
        this.dsn = `host=127.0.0.1 port=${port} dbname=postgres user=admin password=${this.password}`;
    }

    /** Postgres refuses to run as root. */
    unprivileged(command, args) {
        return process.getuid() === 0
            ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--init-groups', command, ...args]]
            : [command, args];
    }

    async init() {
        const file = path.join(this.folder, 'password');
        fs.writeFileSync(file, this.password);
        if (process.getuid() === 0) await run('chown', ['-R', 'postgres:', this.folder]);
        await run(
            ...this.unprivileged(`${this.binaries}/initdb`, [
                '--pgdata', path.join(this.folder, 'data'), '--username=admin', '--no-sync',
                '--auth=scram-sha-256', `--pwfile=${file}`, '--encoding=UTF8', '--locale=C.UTF-8',
            ]),
        );
    }

    async start() {
        this.child = new Child(
            'postgres',
            ...this.unprivileged(`${this.binaries}/postgres`, [
                '-D', path.join(this.folder, 'data'), '-p', String(this.port),
                '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${this.folder}`,
                ...Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
            ]),
        );
        await until(
            () => this.child.ended || this.sql('SELECT 1'),
            'Postgres to accept connections',
            30_000,
        );
        if (this.child.ended) throw new Error(`postgres ended\n${this.child.output}`);
    }

    /** SIGINT is Postgres' fast shutdown, SIGQUIT the immediate one. */
    stop(signal = 'SIGINT') {
        return this.child?.stop(signal);
    }

    /** Rows of tab-separated text columns, as the administrator. */
    async sql(text, dsn = this.dsn) {
        const { stdout } = await run(
            `${this.binaries}/psql`,
            ['-qAtX', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', dsn, '-c', text],
            { maxBuffer: 1 << 28 },
        );
        return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'));
    }
}

/** `lines`: more of its configuration. */
export class Redis {
    constructor(folder, port, { password = randomBytes(18).toString('base64url'), lines = '' } = {}) {
        this.folder = folder;
        this.port = port;
        this.password = password;
        this.lines = lines;
        this.url = `redis://:${this.password}@127.0.0.1:${port}`;
    }

    async start() {
        fs.mkdirSync(this.folder, { recursive: true });
        const file = path.join(this.folder, 'redis.conf');
        fs.writeFileSync(
            file,
            `bind 127.0.0.1\nport ${this.port}\nrequirepass ${this.password}\nsave ""\nappendonly no\n` +
                `dir ${this.folder}\n${this.lines}`,
            { mode: 0o600 },
        );
        this.child = new Child('redis', 'redis-server', [file]);
        await until(
            async () => (await this.command('PING')).trim() === 'PONG',
            'Redis to accept connections',
        );
    }

    stop(signal = 'SIGTERM') {
        return this.child?.stop(signal);
    }

    async command(...words) {
        const { stdout } = await run('redis-cli', ['-p', String(this.port), ...words], {
            env: { ...process.env, REDISCLI_AUTH: this.password },
        });
        return stdout;
    }
}

export class Stack {
    constructor(folder, options) {
        this.folder = folder;
        this.options = options;
        this.keys = {};
        this.clients = [];
    }

    async metricsctl(...words) {
        const { stdout } = await run(program('metricsctl'), words, { maxBuffer: 1 << 26 });
        return stdout.trim();
    }

    write(name, text) {
        const file = path.join(this.folder, name);
        fs.writeFileSync(file, text, { mode: 0o600 });
        return file;
    }

    async start() {
        const { partners = ['ALPHA', 'BETA'] } = this.options;
        const [postgresPort, redisPort, freeIngestPort, hubPort] = await Promise.all(
            Array.from({ length: 4 }, freePort),
        );
        const ingestPort = this.options.ingestPort ?? freeIngestPort;
        fs.mkdirSync(path.join(this.folder, 'postgres'), { recursive: true });
        this.postgres = new Postgres(path.join(this.folder, 'postgres'), postgresPort, {
            // The tests kill processes, never the machine.
            fsync: 'off',
            max_connections: 60,
            ...this.options.postgres,
        });
        const redisFolder = path.join(this.folder, 'redis');
        this.redis = this.options.redis?.(redisFolder) ?? new Redis(redisFolder, redisPort);
        this.ingestUrl = `http://127.0.0.1:${ingestPort}`;
        this.hubUrl = `ws://127.0.0.1:${hubPort}/connection/websocket`;
        this.hubHttpUrl = `http://127.0.0.1:${hubPort}`;
        await this.postgres.init();
        await Promise.all([this.postgres.start(), this.redis.start()]);
        await this.migrate();
        for (const code of partners) await this.partner(code);
        this.configure(ingestPort, hubPort);
        // Both are waited for, so that close() finds the one that started if the other did not.
        const started = await Promise.allSettled([this.startIngest(), this.startHub()]);
        for (const { reason } of started) if (reason) throw reason;
        return this;
    }

    async migrate() {
        const database = ['--database', this.postgres.dsn];
        await this.metricsctl('migrate', ...database, '--sql', path.join(root, 'sql'));
        this.logins = JSON.parse(await this.metricsctl('login-role', ...database));
        this.secretFile = this.write('token-secret', randomBytes(32).toString('base64url'));
    }

    /** The DSN with which a daemon's own database role signs in. */
    dsnOf(role) {
        return `host=127.0.0.1 port=${this.postgres.port} dbname=postgres user=${role} password=${this.logins[role]}`;
    }

    configure(ingestPort, hubPort) {
        const common = (role) =>
            `database = ${this.dsnOf(role)}\nredis = ${this.redis.url}\n` +
            `token_secret_file = ${this.secretFile}\n`;
        const lines = (settings = {}) =>
            Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`).join('');
        this.ingestConfig = this.write(
            'ingest.conf',
            common('mh_ingest') +
                `listen = 127.0.0.1:${ingestPort}\npublic_url = ${this.ingestUrl}\n` +
                `hub_url = ${this.hubUrl}\nweb_root = ${path.join(root, 'web-client/dist')}\n` +
                lines(this.options.ingest),
        );
        this.hubConfig = this.write(
            'hub.conf',
            common('mh_hub') +
                `listen = 127.0.0.1:${hubPort}\nallowed_origins = ${this.ingestUrl}\n` +
                lines({ drain_seconds: 0, ...this.options.hub }),
        );
    }

    async startDaemon(name, config, url, words = []) {
        const child = new Child(name, program(name), ['--config', config, ...words], {
            env: { ...process.env, ...this.options.environment },
        });
        await until(
            async () => child.ended || (await fetch(`${url}/readyz`)).ok,
            `${name} to be ready`,
            30_000,
        ).catch((error) => {
            child.kill('SIGKILL');
            throw new Error(`${error.message}\n${child.output}`);
        });
        if (child.ended) throw new Error(`${name} ended\n${child.output}`);
        return child;
    }

    async startIngest(words) {
        this.ingest = await this.startDaemon('metrics-ingest', this.ingestConfig, this.ingestUrl, words);
    }

    async startHub(words) {
        this.hub = await this.startDaemon('metrics-hub', this.hubConfig, this.hubHttpUrl, words);
    }

    sql(text) {
        return this.postgres.sql(text);
    }

    /** Creates a partner and its live key. */
    async partner(code, name = code) {
        const database = ['--database', this.postgres.dsn];
        await this.metricsctl('partner', 'create', ...database, '--code', code, '--name', name);
        this.keys[code] = await this.key(code);
    }

    key(code, environment = 'live') {
        return this.metricsctl(
            'key', 'create', '--database', this.postgres.dsn, '--partner', code,
            '--environment', environment,
        );
    }

    /** `{ staff: 'owner' }` or `{ partner: 'ALPHA', role: 'manager' }`; the user's public id. */
    user({ name = 'Test User', staff, partner, role }) {
        const words = staff ? ['--staff', staff] : partner ? ['--partner', partner, '--role', role] : [];
        return this.metricsctl(
            'user', 'create', '--database', this.postgres.dsn, '--name', name, ...words,
        );
    }

    token(user, ttl = 600) {
        return this.metricsctl(
            'token', '--database', this.postgres.dsn, '--token-secret-file', this.secretFile,
            '--user', user, '--ttl', String(ttl),
        );
    }

    /** One-time sign-in link of the web client. */
    link(user) {
        return this.metricsctl(
            'link', '--database', this.postgres.dsn, '--user', user, '--public-url', this.ingestUrl,
        );
    }

    /** A CloudEvent, structured mode; `data.job` and type say what matters. */
    event(type, job, data = {}, attributes = {}) {
        return {
            specversion: '1.0', id: randomBytes(9).toString('base64url'), source: '/test',
            type: `generation.${type}`, time: new Date().toISOString(), data: { job, ...data },
            ...attributes,
        };
    }

    /** Posts CloudEvents as one batch; the parsed answer with its status. */
    async post(code, events, { key = this.keys[code] } = {}) {
        const response = await fetch(`${this.ingestUrl}/v1/events`, {
            method: 'POST',
            headers: {
                authorization: `Bearer ${key}`,
                'content-type': 'application/cloudevents-batch+json',
            },
            body: JSON.stringify(events),
        });
        return { status: response.status, headers: response.headers, body: await response.json() };
    }

    /** A connected SDK client. `token` is a JWT or a function that returns one. */
    async connect(token, options = {}) {
        const client = this.client(token, options);
        const connected = new Promise((resolve, reject) => {
            client.once('connected', resolve);
            client.once('disconnected', (reason) =>
                reject(Object.assign(new Error(reason.reason), reason)),
            );
        });
        client.connect();
        client.connection = await connected;
        return client;
    }

    /** The SDK client, not yet connected. */
    client(token, options = {}, url = this.hubUrl) {
        const source =
            typeof token === 'function' ? { getToken: async () => token() } : { token };
        const client = new Centrifuge(url, {
            websocket: WebSocket, minReconnectDelay: 20, maxReconnectDelay: 200, ...source,
            ...options,
        });
        this.clients.push(client);
        return client;
    }

    async close() {
        for (const client of this.clients) client.disconnect();
        try {
            await Promise.all([this.ingest?.stop(), this.hub?.stop()]);
        } finally {
            await Promise.all([this.redis?.stop('SIGKILL'), this.postgres?.stop('SIGQUIT')]);
            fs.rmSync(this.folder, { recursive: true, force: true });
        }
    }
}

/** Options: partners (codes); ingestPort; postgres, ingest and hub (settings beside the defaults); environment (of
 *  the daemons); redis (makes
 *  another Redis, given its folder: url, start, stop). */
export async function startStack(options = {}) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-flow-'));
    fs.chmodSync(folder, 0o755);
    const stack = new Stack(folder, options);
    try {
        return await stack.start();
    } catch (error) {
        await stack.close().catch(() => {});
        throw error;
    }
}

/** Follows a state channel as a screen does: the snapshot, then every patch, in order. */
export class Follower {
    constructor(client, channel) {
        this.subscription = client.newSubscription(channel);
        this.frames = [];
        this.checks = []; // {"t":"check",…}: what the hub says of the state, no part of it
        this.waiting = new Set();
        this.subscription.on('subscribed', (context) => {
            this.subscribed = context;
            if (context.data) this.accept(context.data);
        });
        this.subscription.on('publication', (context) => this.accept(context.data, context.offset));
        this.subscription.on('unsubscribed', (context) => (this.unsubscribed = context));
        this.subscription.on('error', (context) => (this.error = context));
        this.subscription.subscribe();
    }

    accept(data, offset) {
        if (data.t === 'check') {
            this.checks.push(data);
            for (const check of this.waiting) check();
            return;
        }
        this.frames.push(data);
        if (data.t === 'state') this.state = structuredClone(data);
        else if (data.t === 'patch') mergePatch(this.state, data.p);
        else throw new Error(`unknown frame ${JSON.stringify(data)}`);
        this.offset = offset ?? this.subscribed?.streamPosition?.offset;
        for (const check of this.waiting) check();
    }

    /** Resolves with the state as soon as `predicate(state)` holds. */
    when(predicate, what, ms = 15_000) {
        return new Promise((resolve, reject) => {
            const settle = (action, value) => {
                clearTimeout(timer);
                this.waiting.delete(check);
                action(value);
            };
            const check = () => {
                if (this.state && predicate(this.state)) settle(resolve, this.state);
            };
            const timer = setTimeout(
                () => settle(reject, new Error(`waited ${ms} ms for ${what}: ${JSON.stringify(this.state)?.slice(0, 2000)}`)),
                ms,
            );
            this.waiting.add(check);
            check();
        });
    }
}
