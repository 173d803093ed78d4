#include "shared/access/token.h"

#include <errno.h>
#include <jansson.h>
#include <jwt.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "shared/access/principal_json.h"
#include "shared/base/memory.h"

#define ISSUER "metrics-hub"
#define ALGORITHM "HS256"
#define SKEW_S 5LL
#define LATEST_S 253402300799LL /* 9999-12-31, far from any overflow */
#define HEADER_MAX_BYTES 512
#define STAFF_PREFIX "staff."
#define PARTNER_PREFIX "partner."
#define ROLE_NAME_SIZE 32

/* --- reading --- */

static const char *text_claim(const json_t *claims, const char *name)
{
    return json_string_value(json_object_get(claims, name));
}

/* Copies a claim of 1 to size - 1 bytes; ids are made by us of few characters. */
static int copy_id(const json_t *claims, const char *name, char *out, size_t size)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *text = text_claim(claims, name);
    size_t length = text ? strlen(text) : 0;
    if (length < 1 || length >= size || strspn(text, allowed) != length)
        return -EINVAL;
    memcpy(out, text, length + 1);
    return 0;
}

static int copy_name(const json_t *claims, char *out, size_t size)
{
    const char *text = text_claim(claims, "name");
    size_t length = text ? strlen(text) : 0;
    if (!text || length >= size)
        return -EINVAL;
    memcpy(out, text, length + 1);
    return 0;
}

/* In a token a role stands without its scope: "owner" of staff is staff.owner. */
static int parse_role(const char *prefix, const json_t *value, enum role *ret_role)
{
    const char *text = json_string_value(value);
    char name[ROLE_NAME_SIZE];
    if (!text)
        return -EINVAL;
    int length = snprintf(name, sizeof(name), "%s%s", prefix, text);
    if (length < 0 || (size_t)length >= sizeof(name))
        return -EINVAL;
    return role_parse(name, ret_role);
}

/* Fewer than the role has. */
static int parse_permissions(const json_t *names, enum role role, uint64_t *ret_permissions)
{
    *ret_permissions = role_permissions(role);
    return names ? permissions_from_json(names, *ret_permissions, ret_permissions) : 0;
}

static int parse_suspended(const json_t *codes, struct principal *principal)
{
    if (!codes)
        return 0;
    if (!json_is_array(codes))
        return -EINVAL;
    for (size_t i = 0; i < json_array_size(codes); i++) {
        const char *code = json_string_value(json_array_get(codes, i));
        if (!code)
            return -EINVAL;
        for (size_t j = 0; j < principal->partner_count; j++) {
            if (strcmp(principal->partners[j].code, code) == 0)
                principal->partners[j].suspended = true;
        }
    }
    return 0;
}

static int parse_partners(json_t *partners, const json_t *perms, struct principal *principal)
{
    const char *code;
    json_t *role;
    size_t count = json_object_size(partners);
    if (count < 1 || count > PRINCIPAL_MAX_PARTNERS || (perms && !json_is_object(perms)))
        return -EINVAL;
    json_object_foreach(partners, code, role)
    {
        struct principal_partner *partner = &principal->partners[principal->partner_count++];
        size_t length = strlen(code);
        if (!partner_code_valid(code, length) || parse_role(PARTNER_PREFIX, role, &partner->role) ||
            parse_permissions(json_object_get(perms, code), partner->role, &partner->permissions))
            return -EINVAL;
        memcpy(partner->code, code, length + 1);
    }
    return 0;
}

/* Staff or member, never both. */
static int parse_roles(const json_t *claims, struct principal *principal)
{
    const json_t *staff = json_object_get(claims, "staff");
    json_t *partners = json_object_get(claims, "partners");
    const json_t *perms = json_object_get(claims, "perms");
    if (!staff == !partners)
        return -EINVAL;
    principal->is_staff = staff != NULL;
    if (!staff)
        return parse_partners(partners, perms, principal) ||
                       parse_suspended(json_object_get(claims, "suspended"), principal)
                   ? -EINVAL
                   : 0;
    return parse_role(STAFF_PREFIX, staff, &principal->staff_role) ||
                   parse_permissions(perms, principal->staff_role, &principal->permissions)
               ? -EINVAL
               : 0;
}

/* An optional time of 0 to LATEST_S seconds, in units of which a second has `per_second`. */
static int read_time(const json_t *claims, const char *name, int64_t per_second, int64_t *ret_value)
{
    const json_t *value = json_object_get(claims, name);
    if (!value)
        return 0;
    *ret_value = json_integer_value(value);
    return json_is_integer(value) && *ret_value >= 0 && *ret_value / per_second <= LATEST_S
               ? 0
               : -EINVAL;
}

/* Claims that older tokens do not have. */
static int parse_session(const json_t *claims, struct principal *principal)
{
    int64_t auth_s = 0;
    if (json_object_get(claims, "imp") &&
        copy_id(claims, "imp", principal->impersonator, sizeof(principal->impersonator)))
        return -EINVAL;
    if (read_time(claims, "auth", 1, &auth_s))
        return -EINVAL;
    principal->auth_ms = auth_s * 1000;
    return 0;
}

/* More exact than iat, but of the same second. */
static int parse_issued(const json_t *claims, int64_t issued_s, struct principal *principal)
{
    if (issued_s < 1)
        return -EINVAL;
    principal->issued_ms = issued_s * 1000;
    if (read_time(claims, "ims", 1000, &principal->issued_ms))
        return -EINVAL;
    return principal->issued_ms / 1000 == issued_s ? 0 : -EINVAL;
}

static enum token_fault parse_times(const json_t *claims, int64_t now_ms,
                                    struct principal *principal)
{
    const json_t *issued = json_object_get(claims, "iat");
    const json_t *expires = json_object_get(claims, "exp");
    const json_t *not_before = json_object_get(claims, "nbf");
    int64_t now_s = now_ms / 1000;
    int64_t expires_s = json_integer_value(expires);
    if (!json_is_integer(issued) || !json_is_integer(expires) || expires_s < 0 ||
        expires_s > LATEST_S || json_integer_value(issued) > now_s + SKEW_S)
        return TOKEN_INVALID;
    if (not_before &&
        (!json_is_integer(not_before) || json_integer_value(not_before) > now_s + SKEW_S))
        return TOKEN_INVALID;
    if (parse_issued(claims, json_integer_value(issued), principal))
        return TOKEN_INVALID;
    if (expires_s * 1000 <= now_ms - SKEW_S * 1000)
        return TOKEN_EXPIRED;
    principal->expires_ms = expires_s * 1000;
    return TOKEN_VALID;
}

static enum token_fault parse_claims(const json_t *claims, int64_t now_ms,
                                     struct principal *principal)
{
    const char *issuer = text_claim(claims, "iss");
    if (!issuer || strcmp(issuer, ISSUER) != 0 ||
        copy_id(claims, "sub", principal->user_id, sizeof(principal->user_id)) ||
        copy_id(claims, "sid", principal->session_id, sizeof(principal->session_id)) ||
        copy_name(claims, principal->name, sizeof(principal->name)) ||
        parse_roles(claims, principal) || parse_session(claims, principal))
        return TOKEN_INVALID;
    return parse_times(claims, now_ms, principal);
}

/* The library believes whatever algorithm the header names ("none", for one): only ours may reach
 * it. An unknown critical extension must be refused (RFC 7515, 4.1.11). */
static bool header_acceptable(const char *token)
{
    char header[HEADER_MAX_BYTES];
    size_t length;
    size_t encoded_length = strcspn(token, ".");
    if (sodium_base642bin((unsigned char *)header, sizeof(header), token, encoded_length, NULL,
                          &length, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
        return false;
    json_t *json = json_loadb(header, length, JSON_REJECT_DUPLICATES, NULL);
    const char *algorithm = text_claim(json, "alg");
    bool acceptable =
        algorithm && strcmp(algorithm, ALGORITHM) == 0 && !json_object_get(json, "crit");
    json_decref(json);
    return acceptable;
}

/* Three base64url parts, the only characters that may reach the library. */
static bool shape_acceptable(const char *token)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    for (int part = 0; part < 3; part++) {
        size_t length = strspn(token, allowed);
        if (length == 0 || token[length] != (part < 2 ? '.' : '\0'))
            return false;
        token += length + 1;
    }
    return true;
}

/* The claims of a token whose signature is right, or NULL. */
static json_t *verified_claims(const char *token, const char *secret, size_t secret_length)
{
    jwt_t *jwt = NULL;
    json_t *claims = NULL;
    if (jwt_decode(&jwt, token, (const unsigned char *)secret, (int)secret_length))
        return NULL;
    if (jwt_get_alg(jwt) == JWT_ALG_HS256) {
        char *text = jwt_get_grants_json(jwt, NULL);
        claims = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
        free(text);
    }
    jwt_free(jwt);
    return claims;
}

static bool secret_acceptable(size_t secret_length)
{
    return secret_length >= TOKEN_SECRET_MIN_BYTES && secret_length <= INT_MAX;
}

enum token_fault token_verify(const char *token, size_t length, const char *secret,
                              size_t secret_length, int64_t now_ms, struct principal *ret_principal)
{
    if (length == 0 || length > TOKEN_MAX_BYTES || memchr(token, '\0', length) ||
        !secret_acceptable(secret_length))
        return TOKEN_INVALID;
    enum token_fault fault = TOKEN_INVALID;
    char *copy = memory_strndup(token, length);
    if (shape_acceptable(copy) && header_acceptable(copy)) {
        json_t *claims = verified_claims(copy, secret, secret_length);
        struct principal principal = {.user_id = ""};
        fault = claims ? parse_claims(claims, now_ms, &principal) : TOKEN_INVALID;
        if (fault == TOKEN_VALID)
            *ret_principal = principal;
        json_decref(claims);
    }
    free(copy);
    return fault;
}

/* --- writing --- */

static json_t *permission_names(uint64_t permissions)
{
    json_t *names = json_array();
    for (int i = 0; i < PERMISSION_COUNT; i++) {
        if (permissions & PERMISSION_BIT(i))
            json_array_append_new(names, json_string(permission_text((enum permission)i)));
    }
    return names;
}

static void describe_staff(const struct principal *principal, json_t *grants)
{
    enum role role = principal->staff_role;
    json_object_set_new(grants, "staff", json_string(role_text(role) + strlen(STAFF_PREFIX)));
    if (principal->permissions != role_permissions(role))
        json_object_set_new(grants, "perms", permission_names(principal->permissions));
}

static void describe_partners(const struct principal *principal, json_t *grants)
{
    json_t *roles = json_object(), *perms = json_object(), *suspended = json_array();
    for (size_t i = 0; i < principal->partner_count; i++) {
        const struct principal_partner *partner = &principal->partners[i];
        json_object_set_new(roles, partner->code,
                            json_string(role_text(partner->role) + strlen(PARTNER_PREFIX)));
        if (partner->permissions != role_permissions(partner->role))
            json_object_set_new(perms, partner->code, permission_names(partner->permissions));
        if (partner->suspended)
            json_array_append_new(suspended, json_string(partner->code));
    }
    json_object_set_new(grants, "partners", roles);
    if (json_object_size(perms))
        json_object_set(grants, "perms", perms);
    if (json_array_size(suspended))
        json_object_set(grants, "suspended", suspended);
    json_decref(perms);
    json_decref(suspended);
}

/* What is more than texts and numbers, which the library takes one by one. */
static int add_access(jwt_t *jwt, const struct principal *principal)
{
    json_t *grants = json_object();
    if (principal->is_staff)
        describe_staff(principal, grants);
    else
        describe_partners(principal, grants);
    char *text = json_dumps(grants, JSON_COMPACT);
    int fault = text ? jwt_add_grants_json(jwt, text) : ENOMEM;
    free(text);
    json_decref(grants);
    return fault;
}

/* 0 or a positive errno, as libjwt has it. */
static int add_claims(jwt_t *jwt, const struct principal *principal, int64_t now_ms)
{
    int64_t issued_ms = principal->issued_ms ? principal->issued_ms : now_ms;
    int fault = jwt_add_grant(jwt, "iss", ISSUER);
    if (!fault)
        fault = jwt_add_grant(jwt, "sub", principal->user_id);
    if (!fault)
        fault = jwt_add_grant(jwt, "sid", principal->session_id);
    if (!fault)
        fault = jwt_add_grant(jwt, "name", principal->name);
    if (!fault)
        fault = jwt_add_grant_int(jwt, "iat", issued_ms / 1000);
    if (!fault)
        fault = jwt_add_grant_int(jwt, "ims", issued_ms);
    if (!fault)
        fault = jwt_add_grant_int(jwt, "exp", principal->expires_ms / 1000);
    if (!fault && principal->auth_ms)
        fault = jwt_add_grant_int(jwt, "auth", principal->auth_ms / 1000);
    if (!fault && *principal->impersonator)
        fault = jwt_add_grant(jwt, "imp", principal->impersonator);
    return fault ? fault : add_access(jwt, principal);
}

/* What would not pass token_verify is not signed. */
static bool signable(const struct principal *principal)
{
    if (!*principal->user_id || !*principal->session_id)
        return false;
    if (principal->is_staff)
        return role_scope(principal->staff_role) == ROLE_SCOPE_STAFF;
    for (size_t i = 0; i < principal->partner_count; i++) {
        if (role_scope(principal->partners[i].role) != ROLE_SCOPE_PARTNER)
            return false;
    }
    return principal->partner_count > 0;
}

int token_sign(const struct principal *principal, const char *secret, size_t secret_length,
               int64_t now_ms, char **ret_token)
{
    if (!secret_acceptable(secret_length) || !signable(principal))
        return -EINVAL;
    jwt_t *jwt = NULL;
    int fault = jwt_new(&jwt);
    if (fault)
        return -fault;
    fault = jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, (int)secret_length);
    if (!fault)
        fault = add_claims(jwt, principal, now_ms);
    char *token = fault ? NULL : jwt_encode_str(jwt);
    jwt_free(jwt);
    if (!token)
        return fault ? -fault : -ENOMEM;
    if (strlen(token) > TOKEN_MAX_BYTES) {
        free(token);
        return -E2BIG;
    }
    *ret_token = token;
    return 0;
}
