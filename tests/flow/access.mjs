// What the tests of access share: the table of permissions as it stands in its file, people who are signed in, and
// their requests.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';

/** Of shared/access/permissions.tsv: roles, permissions, has(role, permission), fields(role). */
function readTable() {
    const text = fs.readFileSync(new URL('../../shared/access/permissions.tsv', import.meta.url), 'utf8');
    const lines = text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => line.split('\t'));
    const roles = lines.find(([name]) => name === 'permission').slice(1, -1);
    const cells = new Map(lines.map(([name, ...rest]) => [name, new Map(roles.map((role, i) => [role, rest[i]]))]));
    return {
        roles,
        permissions: [...cells.keys()].filter((name) => name !== 'permission' && name !== 'fields'),
        has: (role, permission) => cells.get(permission)?.get(role) === 'x',
        fields: (role) => cells.get('fields').get(role) ?? '',
    };
}

export const table = readTable();

const tokenOfLink = (link) => decodeURIComponent(/link=([^&]+)/.exec(link)[1]);

/** `Cookie` of a new session of that user. */
export async function signIn(stack, user) {
    const reply = await ask(stack, 'POST', '/v1/session', { body: { link: tokenOfLink(await stack.link(user)) } });
    assert.equal(reply.status, 200, reply.text);
    return reply.headers['set-cookie'][0].split(';')[0];
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
export const closeAgent = () => agent.destroy();

/** One request. `body`: text as it is, else JSON. The answer with its text, and `body` if that is JSON. */
export async function ask(stack, method, where, { cookie, body, headers = {} } = {}) {
    const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const request = http.request(`${stack.ingestUrl}${where}`, {
        agent, method,
        headers: {
            ...(cookie && { cookie }), ...headers,
            // Node gives the body of a DELETE no length by itself.
            ...(content !== undefined && { 'content-length': Buffer.byteLength(content) }),
        },
    });
    request.end(content);
    const [response] = await once(request, 'response');
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) text += chunk;
    const json = /json/.test(response.headers['content-type'] ?? '');
    return {
        status: response.statusCode, headers: response.headers, text, raw: response.rawHeaders,
        body: json && text ? JSON.parse(text) : undefined,
    };
}

/** A user of that role (of `partner` if it is one of a partner), signed in. `none` belongs nowhere. */
export async function person(stack, role, partner = 'ALPHA') {
    const [scope, name] = role.split('.');
    const id = await stack.user({
        name: `${role} of ${partner}`,
        ...(scope === 'staff' ? { staff: name } : scope === 'partner' ? { partner, role: name } : {}),
    });
    return { role, scope, partner: scope === 'partner' ? partner : undefined, id, cookie: await signIn(stack, id) };
}
