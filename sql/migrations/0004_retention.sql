-- What is kept how long (requirements C12). Read by ops.maintain(), changed by hand.
SET LOCAL ROLE mh_owner;

CREATE TABLE ops.retention (
    what text     PRIMARY KEY,
    keep interval NOT NULL CHECK (keep >= interval '1 day')
);
INSERT INTO ops.retention VALUES
    ('generation_events', '35 days'),
    ('channel_log', '3 days'),
    ('api_requests', '30 days'),
    ('event_dedupe', '35 days'),
    ('event_rejects', '35 days'),
    ('rollup_minute', '3 days'),
    ('rollup_hour', '400 days'),
    ('generation_jobs', '400 days'),
    ('sessions', '1 day');
ALTER TABLE ops.retention ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.retention FORCE ROW LEVEL SECURITY;
CREATE POLICY p_owner ON ops.retention FOR SELECT TO mh_owner USING (true);
CREATE POLICY p_writer ON ops.retention FOR SELECT TO mh_writer USING (true);
CREATE POLICY p_admin ON ops.retention TO mh_admin USING (true) WITH CHECK (true);
GRANT SELECT ON ops.retention TO mh_writer;
GRANT SELECT, UPDATE ON ops.retention TO mh_admin;

RESET ROLE;
