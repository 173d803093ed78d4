// A real OpenID provider on a port of its own, with its own pages to sign in and to consent.
import http from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

async function makeKey(kid, algorithm) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    const members = { kid, use: 'sig', alg: algorithm };
    return {
        secret: { ...(await exportJWK(privateKey)), ...members },
        open: { ...(await exportJWK(publicKey)), ...members },
    };
}

/** Whoever signs in as `name` has the verified address name@domain. `jwks`: the public keys. */
export async function startProvider({ port, client, home, domain, algorithm }) {
    const key = await makeKey('key-1', algorithm);
    const issuer = `http://127.0.0.1:${port}`;
    const provider = new Provider(issuer, {
        clients: [
            {
                client_id: client, application_type: 'native', token_endpoint_auth_method: 'none',
                response_types: ['id_token'], grant_types: ['implicit'], redirect_uris: [home],
                id_token_signed_response_alg: algorithm,
            },
        ],
        jwks: { keys: [key.secret] },
        claims: { email: ['email', 'email_verified'], profile: ['name'], openid: ['sub'] },
        conformIdTokenClaims: false,
        cookies: { keys: ['of this test only'] },
        findAccount: (_context, name) => ({
            accountId: name,
            claims: () => ({ sub: `sub-${name}`, name, email: `${name}@${domain}`, email_verified: true }),
        }),
    });
    const server = http.createServer(provider.callback());
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    return {
        issuer, url: `${issuer}/auth`, jwks: { keys: [key.open] },
        close: () => new Promise((resolve) => {
            server.close(resolve);
            server.closeAllConnections();
        }),
    };
}
