#include "ingest/http/access_routes.h"

#include "ingest/http/access_route.h"
#include "ingest/http/keys.h"
#include "ingest/http/session.h"

#define ACCESS .handle = access_request, .max_body = ACCESS_MAX_BODY
#define METRICS .flags = ACCESS_OR_KEY, .key_scopes = KEY_SCOPE_METRICS_READ
#define METRICS_STUCK                                                                              \
    .flags = ACCESS_OR_KEY | ACCESS_STUCK_AFTER, .key_scopes = KEY_SCOPE_METRICS_READ

const struct route access_routes[] = {
    {HTTP_GET, "/v1/me", ACCESS, .name = "me_get"},
    {HTTP_PATCH, "/v1/me", ACCESS, .name = "me_update"},
    {HTTP_PUT, "/v1/me/password", ACCESS, .name = "me_password", .flags = ACCESS_PASSWORD},
    {HTTP_POST, "/v1/me/totp", ACCESS, .name = "me_totp_begin"},
    {HTTP_PUT, "/v1/me/totp", ACCESS, .name = "me_totp_confirm", .flags = ACCESS_CODE},
    {HTTP_DELETE, "/v1/me/totp", ACCESS, .name = "me_totp_remove"},
    {HTTP_GET, "/v1/me/sessions", ACCESS, .name = "me_sessions"},
    {HTTP_DELETE, "/v1/me/sessions", ACCESS, .name = "me_sessions_end"},
    {HTTP_DELETE, "/v1/me/sessions/{}", ACCESS, .name = "me_session_end"},
    {HTTP_DELETE, "/v1/session/impersonation", ACCESS, .name = "impersonation_end",
     .flags = ACCESS_NEW_TOKEN | ACCESS_COOKIE},

    {HTTP_GET, "/v1/users", ACCESS, .name = "users_list"},
    {HTTP_GET, "/v1/users/{}", ACCESS, .name = "user_get"},
    {HTTP_PATCH, "/v1/users/{}", ACCESS, .name = "user_update"},
    {HTTP_POST, "/v1/users/{}/suspend", ACCESS, .name = "user_suspend"},
    {HTTP_POST, "/v1/users/{}/unsuspend", ACCESS, .name = "user_unsuspend"},
    {HTTP_POST, "/v1/users/{}/sign-out", ACCESS, .name = "user_sign_out"},
    {HTTP_PUT, "/v1/users/{}/roles", ACCESS, .name = "user_roles"},
    {HTTP_POST, "/v1/users/{}/impersonate", ACCESS, .name = "user_impersonate",
     .flags = ACCESS_NEW_TOKEN | ACCESS_COOKIE},
    {HTTP_GET, "/v1/users/{}/export", ACCESS, .name = "user_export"},
    {HTTP_POST, "/v1/users/{}/erase", ACCESS, .name = "user_erase"},
    {HTTP_POST, "/v1/users/import", .handle = access_request, .max_body = ACCESS_MAX_IMPORT,
     .name = "users_import", .flags = ACCESS_CSV},

    {HTTP_GET, "/v1/invitations", ACCESS, .name = "invitations_list"},
    {HTTP_POST, "/v1/invitations", ACCESS, .name = "invitation_create", .flags = ACCESS_NEW_TOKEN},
    {HTTP_DELETE, "/v1/invitations/{}", ACCESS, .name = "invitation_revoke"},

    {HTTP_GET, "/v1/staff", ACCESS, .name = "staff_list"},
    {HTTP_POST, "/v1/staff", ACCESS, .name = "staff_create", .flags = ACCESS_NEW_TOKEN},
    {HTTP_PUT, "/v1/staff/{}", ACCESS, .name = "staff_update"},
    {HTTP_DELETE, "/v1/staff/{}", ACCESS, .name = "staff_deactivate"},

    {HTTP_GET, "/v1/roles", ACCESS, .name = "roles_list"},
    {HTTP_POST, "/v1/roles", ACCESS, .name = "role_create"},
    {HTTP_PUT, "/v1/roles/{}", ACCESS, .name = "role_update"},
    {HTTP_DELETE, "/v1/roles/{}", ACCESS, .name = "role_delete"},

    {HTTP_GET, "/v1/team", ACCESS, .name = "team_list"},
    {HTTP_PUT, "/v1/team/{}", ACCESS, .name = "team_update"},
    {HTTP_DELETE, "/v1/team/{}", ACCESS, .name = "team_remove"},

    {HTTP_GET, "/v1/api-keys", ACCESS, .name = "keys_list"},
    {HTTP_POST, "/v1/api-keys", ACCESS, .name = "key_create", .flags = ACCESS_NEW_KEY},
    {HTTP_PATCH, "/v1/api-keys/{}", ACCESS, .name = "key_update"},
    {HTTP_POST, "/v1/api-keys/{}/rotate", ACCESS, .name = "key_rotate", .flags = ACCESS_NEW_KEY},
    {HTTP_POST, "/v1/api-keys/{}/revoke", ACCESS, .name = "key_revoke"},

    {HTTP_GET, "/v1/wallets", ACCESS, .name = "wallets_list"},
    {HTTP_GET, "/v1/wallet", ACCESS, .name = "wallet_get"},
    {HTTP_GET, "/v1/wallet/entries", ACCESS, .name = "wallet_entries"},
    {HTTP_GET, "/v1/wallet/pending", ACCESS, .name = "wallet_pending"},
    {HTTP_POST, "/v1/wallet/entries", ACCESS, .name = "wallet_grant"},
    {HTTP_POST, "/v1/wallet/entries/{}/approve", ACCESS, .name = "wallet_approve"},
    {HTTP_POST, "/v1/wallet/entries/{}/reject", ACCESS, .name = "wallet_reject"},

    {HTTP_GET, "/v1/partners", ACCESS, .name = "partners_list"},
    {HTTP_POST, "/v1/partners/{}/suspend", ACCESS, .name = "partner_suspend"},
    {HTTP_POST, "/v1/partners/{}/activate", ACCESS, .name = "partner_activate"},
    {HTTP_GET, "/v1/partners/{}/domains", ACCESS, .name = "partner_domains"},
    {HTTP_PUT, "/v1/partners/{}/domains", ACCESS, .name = "partner_domains_set"},

    {HTTP_GET, "/v1/audit", ACCESS, .name = "audit_list"},
    {HTTP_GET, "/v1/audit/verify", ACCESS, .name = "audit_verify"},
    {HTTP_GET, "/v1/admin/explain", ACCESS, .name = "explain"},

    {HTTP_GET, "/v1/dashboard/kpis", ACCESS, .name = "dashboard_kpis", METRICS},
    {HTTP_GET, "/v1/dashboard/trends", ACCESS, .name = "dashboard_trends", METRICS},
    {HTTP_GET, "/v1/dashboard/incidents", ACCESS, .name = "dashboard_incidents", METRICS},
    {HTTP_GET, "/v1/dashboard/queue-health", ACCESS, .name = "dashboard_queue", METRICS_STUCK},

    {HTTP_GET, "/v1/flags", ACCESS, .name = "flags_list"},
    {HTTP_PUT, "/v1/flags/{}", ACCESS, .name = "flag_update"},
    {HTTP_GET, "/v1/models", ACCESS, .name = "models_list"},
    {HTTP_PUT, "/v1/models/{}", ACCESS, .name = "model_put"},

    /* The same under the names of an older design. */
    {HTTP_POST, "/admin/auth/login", .handle = session_post},
    {HTTP_POST, "/admin/auth/logout", .handle = session_delete},
    {HTTP_GET, "/admin/auth/me", ACCESS, .name = "me_get"},
    {HTTP_GET, "/admin/dashboard/kpis", ACCESS, .name = "dashboard_kpis", METRICS},
    {HTTP_GET, "/admin/dashboard/trends", ACCESS, .name = "dashboard_trends", METRICS},
    {HTTP_GET, "/admin/dashboard/incidents", ACCESS, .name = "dashboard_incidents", METRICS},
    {HTTP_GET, "/admin/dashboard/queue-health", ACCESS, .name = "dashboard_queue", METRICS_STUCK},
    {HTTP_GET, "/admin/users", ACCESS, .name = "users_list"},
    {HTTP_GET, "/admin/users/{}", ACCESS, .name = "user_get"},
    {HTTP_POST, "/admin/users/{}/suspend", ACCESS, .name = "user_suspend"},
    {HTTP_POST, "/admin/users/{}/unsuspend", ACCESS, .name = "user_unsuspend"},
    {HTTP_POST, "/admin/users/{}/impersonate", ACCESS, .name = "user_impersonate",
     .flags = ACCESS_NEW_TOKEN | ACCESS_COOKIE},
    {HTTP_GET, "/admin/tokens/ledger", ACCESS, .name = "wallet_entries"},
    {HTTP_GET, "/admin/staff", ACCESS, .name = "staff_list"},
    {HTTP_POST, "/admin/staff", ACCESS, .name = "staff_create", .flags = ACCESS_NEW_TOKEN},
    {HTTP_PUT, "/admin/staff/{}", ACCESS, .name = "staff_update"},
    {HTTP_DELETE, "/admin/staff/{}", ACCESS, .name = "staff_deactivate"},
    {HTTP_GET, "/admin/api-keys", ACCESS, .name = "keys_list"},
    {HTTP_POST, "/admin/api-keys", ACCESS, .name = "key_create", .flags = ACCESS_NEW_KEY},
    {HTTP_DELETE, "/admin/api-keys", ACCESS, .name = "key_revoke", .flags = ACCESS_TARGET_ID},
    {HTTP_GET, "/admin/feature-flags", ACCESS, .name = "flags_list"},
    {HTTP_PUT, "/admin/feature-flags", ACCESS, .name = "flag_update", .flags = ACCESS_TARGET_ID},
    {HTTP_GET, "/admin/models", ACCESS, .name = "models_list"},
    {HTTP_PUT, "/admin/models", ACCESS, .name = "model_put", .flags = ACCESS_TARGET_ID},
};

const size_t access_route_count = ARRAY_LENGTH(access_routes);
