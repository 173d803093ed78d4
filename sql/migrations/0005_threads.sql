-- Threads, their participants, messages (requirements C8). A thread is a log channel `thread:<public id>`:
-- its channel_head row is made with it, and a message's seq is the channel's. Messages have no retention.
SET LOCAL ROLE mh_owner;

-- Raised whenever api.thread_members() may answer otherwise, so that a hub that compares heads sees it.
ALTER TABLE app.channel_head ADD COLUMN members_version int NOT NULL DEFAULT 0;

CREATE TABLE app.threads (
    thread_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id  text COLLATE "C" NOT NULL UNIQUE DEFAULT app.public_id('thr'),
    partner_id int         REFERENCES app.partners, -- NULL: staff among themselves
    kind       text        NOT NULL CHECK (kind IN ('direct', 'group')),
    subject    text        NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    last_seq   bigint      NOT NULL DEFAULT 0,
    locked     boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX threads_partner ON app.threads (partner_id);

-- A participant reads what came after joined_seq; who left (left_seq) reads nothing.
CREATE TABLE app.thread_participants (
    thread_id  bigint      NOT NULL REFERENCES app.threads,
    joined_seq bigint      NOT NULL,
    left_seq   bigint      CHECK (left_seq >= joined_seq),
    user_id    int         NOT NULL REFERENCES app.users,
    PRIMARY KEY (thread_id, user_id)
);
CREATE INDEX thread_participants_user ON app.thread_participants (user_id);

CREATE TABLE app.messages (
    thread_id  bigint      NOT NULL REFERENCES app.threads,
    seq        bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    client_id  uuid        NOT NULL,
    sender_id  int         NOT NULL REFERENCES app.users,
    public_id  text COLLATE "C" NOT NULL UNIQUE DEFAULT app.public_id('msg'),
    body       text        NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 16384),
    PRIMARY KEY (thread_id, seq),
    UNIQUE (sender_id, client_id)
);

-- No role of an API request is granted any of these: whoever reads a message does so through a function
-- that asks whether he takes part. Staff do not by being staff.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['threads', 'thread_participants', 'messages'] LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO mh_writer', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['threads', 'thread_participants', 'users', 'memberships'] LOOP
        EXECUTE format('CREATE POLICY p_reader ON app.%I FOR SELECT TO mh_reader USING (true)', t);
    END LOOP;
END
$$;
GRANT SELECT ON app.threads, app.thread_participants, app.memberships TO mh_reader;
GRANT SELECT (user_id, public_id, kind, staff_role, status) ON app.users TO mh_reader;

-- Raises members_version of threads, in the order of their channels: no deadlock.
CREATE FUNCTION app.threads_touch(p_threads bigint[]) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
    WITH head AS MATERIALIZED (
        SELECT h.channel FROM app.channel_head h
        WHERE h.channel IN (SELECT 'thread:' || t.public_id FROM app.threads t WHERE t.thread_id = ANY (p_threads))
        ORDER BY h.channel FOR NO KEY UPDATE)
    UPDATE app.channel_head h SET members_version = h.members_version + 1 FROM head WHERE h.channel = head.channel
$$;

-- Who is suspended, or no longer (or again) a member of the thread's partner, leaves the live channel
-- too. Runs with the rights of who writes, which is mh_writer.
CREATE FUNCTION app.on_members_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_TABLE_NAME = 'partners' THEN
        PERFORM app.threads_touch(array_agg(t.thread_id)) FROM app.threads t WHERE t.partner_id = NEW.partner_id;
    ELSE
        PERFORM app.threads_touch(array_agg(p.thread_id)) FROM app.thread_participants p
        WHERE p.user_id = coalesce(NEW.user_id, OLD.user_id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER members_changed AFTER UPDATE OF status ON app.users
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION app.on_members_changed();
CREATE TRIGGER members_changed AFTER INSERT OR UPDATE OR DELETE ON app.memberships
    FOR EACH ROW EXECUTE FUNCTION app.on_members_changed();
CREATE TRIGGER members_changed AFTER UPDATE OF status ON app.partners
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION app.on_members_changed();
REVOKE ALL ON FUNCTION app.threads_touch(bigint[]), app.on_members_changed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.threads_touch(bigint[]), app.on_members_changed() TO mh_writer;

RESET ROLE;
