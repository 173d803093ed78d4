#include "ingest/http/access_routes.h"

#include "ingest/http/access_route.h"

#define ACCESS .handle = access_request, .max_body = ACCESS_MAX_BODY

const struct route access_routes[] = {
    {HTTP_GET, "/v1/me", ACCESS, .name = "me_get"},
    {HTTP_PATCH, "/v1/me", ACCESS, .name = "me_update"},
    {HTTP_PUT, "/v1/me/password", ACCESS, .name = "me_password"},
    {HTTP_POST, "/v1/me/totp", ACCESS, .name = "me_totp_begin"},
    {HTTP_PUT, "/v1/me/totp", ACCESS, .name = "me_totp_confirm"},
    {HTTP_DELETE, "/v1/me/totp", ACCESS, .name = "me_totp_remove"},
    {HTTP_GET, "/v1/me/sessions", ACCESS, .name = "me_sessions"},
    {HTTP_DELETE, "/v1/me/sessions", ACCESS, .name = "me_sessions_end"},
    {HTTP_DELETE, "/v1/me/sessions/{}", ACCESS, .name = "me_session_end"},
    {HTTP_DELETE, "/v1/session/impersonation", ACCESS, .name = "impersonation_end"},

    {HTTP_GET, "/v1/users", ACCESS, .name = "users_list"},
    {HTTP_GET, "/v1/users/{}", ACCESS, .name = "user_get"},
    {HTTP_PATCH, "/v1/users/{}", ACCESS, .name = "user_update"},
    {HTTP_POST, "/v1/users/{}/suspend", ACCESS, .name = "user_suspend"},
    {HTTP_POST, "/v1/users/{}/unsuspend", ACCESS, .name = "user_unsuspend"},
    {HTTP_POST, "/v1/users/{}/sign-out", ACCESS, .name = "user_sign_out"},
    {HTTP_PUT, "/v1/users/{}/roles", ACCESS, .name = "user_roles"},
    {HTTP_POST, "/v1/users/{}/impersonate", ACCESS, .name = "user_impersonate"},
    {HTTP_GET, "/v1/users/{}/export", ACCESS, .name = "user_export"},
    {HTTP_POST, "/v1/users/{}/erase", ACCESS, .name = "user_erase"},
    {HTTP_POST, "/v1/users/import", .handle = access_request, .name = "users_import"},

    {HTTP_GET, "/v1/invitations", ACCESS, .name = "invitations_list"},
    {HTTP_POST, "/v1/invitations", ACCESS, .name = "invitation_create"},
    {HTTP_DELETE, "/v1/invitations/{}", ACCESS, .name = "invitation_revoke"},

    {HTTP_GET, "/v1/staff", ACCESS, .name = "staff_list"},
    {HTTP_POST, "/v1/staff", ACCESS, .name = "staff_create"},
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
    {HTTP_POST, "/v1/api-keys", ACCESS, .name = "key_create"},
    {HTTP_PATCH, "/v1/api-keys/{}", ACCESS, .name = "key_update"},
    {HTTP_POST, "/v1/api-keys/{}/rotate", ACCESS, .name = "key_rotate"},
    {HTTP_POST, "/v1/api-keys/{}/revoke", ACCESS, .name = "key_revoke"},

    {HTTP_POST, "/v1/partners/{}/suspend", ACCESS, .name = "partner_suspend"},
    {HTTP_POST, "/v1/partners/{}/activate", ACCESS, .name = "partner_activate"},

    {HTTP_GET, "/v1/audit", ACCESS, .name = "audit_list"},
    {HTTP_GET, "/v1/audit/verify", ACCESS, .name = "audit_verify"},
    {HTTP_GET, "/v1/admin/explain", ACCESS, .name = "explain"},
};

const size_t access_route_count = ARRAY_LENGTH(access_routes);
