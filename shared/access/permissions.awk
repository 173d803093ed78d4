# Makes the forms in which permissions.tsv is used:
#   awk -v form=c   -f shared/access/permissions.awk shared/access/permissions.tsv    (by CMake)
#   awk -v form=sql … > sql/functions/0020_permissions.sql
#   awk -v form=ts  … > web-client/src/session/permissions.ts
function constant(text) { gsub(/[.:]/, "_", text); return toupper(text) }
function joined(role, quote,    out, p) {
    for (p = 1; p <= permissions; p++)
        if (has[p, role]) out = out (out ? ", " : "") quote permission[p] quote
    return out
}
BEGIN { FS = "\t" }
/^#/ { next }
$1 == "permission" { for (roles = 0; roles < NF - 2; roles++) role[roles + 1] = $(roles + 2); next }
$1 == "fields" { for (r = 1; r <= roles; r++) fields[r] = $(r + 1); next }
{
    permission[++permissions] = $1
    for (r = 1; r <= roles; r++) {
        if ($(r + 1) !~ /^[x-]$/) { print FILENAME ":" FNR ": expected x or -" >"/dev/stderr"; exit failed = 1 }
        has[permissions, r] = $(r + 1) == "x"
    }
}
END {
    if (failed) exit 1
    note = "Made by shared/access/permissions.awk from permissions.tsv; do not edit."
    if (form == "c") {
        print "/* " note " */"
        printf "#define PERMISSION_TABLE(X)"
        for (p = 1; p <= permissions; p++) printf " \\\n    X(%s, \"%s\")", constant(permission[p]), permission[p]
        print "\n/* name, text, scope, field classes, permissions */"
        printf "#define ROLE_TABLE(X)"
        for (r = 1; r <= roles; r++) {
            mask = 0
            for (i = 1; i <= length(fields[r]); i++) mask += 2 ^ substr(fields[r], i, 1)
            split(role[r], part, ".")
            printf " \\\n    X(%s, \"%s\", %s, 0x%X, 0", constant(role[r]), role[r], toupper(part[1]), mask
            for (p = 1; p <= permissions; p++)
                if (has[p, r]) printf " | PERMISSION_BIT(PERMISSION_%s)", constant(permission[p])
            printf ")"
        }
        print ""
    } else if (form == "sql") {
        print "-- " note
        print "SET LOCAL ROLE mh_writer;\nDELETE FROM app.role_permissions;\nDELETE FROM app.permissions;"
        print "INSERT INTO app.permissions (permission) VALUES"
        for (p = 1; p <= permissions; p++) print "    ('" permission[p] "')" (p < permissions ? "," : ";")
        print "INSERT INTO app.role_permissions (role, permission)\nSELECT r.role, unnest(r.permissions) FROM (VALUES"
        for (r = 1; r <= roles; r++)
            print "    ('" role[r] "', '{" joined(r, "") "}'::text[])" (r < roles ? "," : "")
        print ") r (role, permissions);\nRESET ROLE;"
        print "-- Field classes that a role may read: its digits."
        print "CREATE OR REPLACE FUNCTION app.role_fields(p_role text) RETURNS text"
        print "LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$\n    SELECT r.fields FROM (VALUES"
        for (r = 1; r <= roles; r++) print "    ('" role[r] "', '" fields[r] "')" (r < roles ? "," : "")
        print ") r (role, fields) WHERE r.role = p_role\n$$;"
        print "ALTER FUNCTION app.role_fields(text) OWNER TO mh_owner;"
        print "REVOKE ALL ON FUNCTION app.role_fields(text) FROM PUBLIC;"
        print "GRANT EXECUTE ON FUNCTION app.role_fields(text) TO mh_writer;"
    } else {
        print "// " note
        print "export type Permission ="
        for (p = 1; p <= permissions; p++) print "    | '" permission[p] "'" (p < permissions ? "" : ";")
        print "\nexport const permissions: readonly Permission[] = ["
        for (p = 1; p <= permissions; p++) print "    '" permission[p] "',"
        print "];\n\nexport const rolePermissions: Record<string, readonly Permission[]> = {"
        for (r = 1; r <= roles; r++) {
            print "    '" role[r] "': ["
            for (p = 1; p <= permissions; p++) if (has[p, r]) print "        '" permission[p] "',"
            print "    ],"
        }
        print "};"
    }
}
