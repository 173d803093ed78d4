/** Shapes of what ingest answers about people, roles and the trail. What one may not see is absent. */

export interface UserMembership {
    partner: string;
    role: string;
    custom_role?: string | null;
    expires_at?: number | null;
    suspended_at?: number | null;
}

/** Of a partner, in the last 30 days. */
export interface PartnerUsage {
    partner: string;
    requested: number;
    completed: number;
    failed: number;
    projects: number;
}

export interface UserItem {
    id: string;
    name: string;
    email?: string | null;
    /** a***@d***.com, for who may not read it. */
    masked?: string | null;
    kind: string;
    /** Of staff. */
    role?: string | null;
    custom_role?: string | null;
    status: string;
    memberships: UserMembership[];
    last_login_at?: number | null;
    created_at: number;
}

export interface UserDetail extends UserItem {
    notes?: string | null;
    suspended_reason?: string | null;
    sessions?: number;
    two_factor?: boolean;
    /** Of each partner of a member. */
    usage?: PartnerUsage[];
}

export interface CustomRole {
    id: string;
    name: string;
    /** Absent: of staff. */
    partner?: string | null;
    base_role: string;
    permissions: string[];
    version: number;
    /** How many have it. */
    users?: number;
}

export interface RolesAnswer {
    roles: { role: string; permissions: string[] }[];
    custom: CustomRole[];
    permissions: string[];
}

export interface AuditActor {
    id: string;
    name: string;
}

export interface AuditItem {
    id: string;
    at: number;
    actor?: AuditActor | null;
    on_behalf_of?: AuditActor | null;
    action: string;
    target_type?: string | null;
    target?: string | null;
    partner?: string | null;
    outcome: string;
    before?: unknown;
    after?: unknown;
    request_id?: string | null;
    ip?: string | null;
    /** Members of before and after that are not for the reader. */
    redacted?: string[] | null;
}

export interface AuditVerdict {
    chains: { chain: string; entries: number; ok: boolean; broken_at?: number | null }[];
    anchors?: unknown;
    /** Where the next part begins, until the last. */
    next?: string | null;
}

export interface Explanation {
    allowed: boolean;
    fields?: string[];
    steps: { check: string; ok: boolean; detail?: string | null }[];
}

export interface ImportRow {
    row: number;
    email?: string | null;
    result: string;
    reason?: string | null;
    field?: string | null;
}

export interface ImportAnswer {
    dry_run: boolean;
    rows: ImportRow[];
}
