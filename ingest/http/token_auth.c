#include "ingest/http/token_auth.h"

#include <string.h>

#include "ingest/http/problem.h"
#include "ingest/ingest.h"
#include "shared/access/token.h"
#include "shared/base/time.h"

void token_authenticate(struct ingest *ingest, struct http_request *request)
{
    const char *token = http_request_bearer(request);
    struct principal principal;
    if (!token) {
        http_problem(request, REASON_TOKEN_REQUIRED, "send Authorization: Bearer <session token>",
                     NULL);
        return;
    }
    switch (token_verify(token, strlen(token), ingest->token_secret, ingest->token_secret_length,
                         time_wall_ms(), &principal)) {
    case TOKEN_VALID:
        if (*principal.impersonator) {
            http_problem(request, REASON_IMPERSONATING, NULL, NULL);
            break;
        }
        request->user =
            arena_text(&request->arena, principal.user_id, strlen(principal.user_id)).bytes;
        request->session =
            arena_text(&request->arena, principal.session_id, strlen(principal.session_id)).bytes;
        break;
    case TOKEN_EXPIRED:
        http_problem(request, REASON_TOKEN_EXPIRED, "POST /v1/token gives a new one", NULL);
        break;
    case TOKEN_INVALID:
        http_problem(request, REASON_TOKEN_INVALID, NULL, NULL);
        break;
    }
}
