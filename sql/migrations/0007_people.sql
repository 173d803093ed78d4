-- What administering people needs (requirements C1): directory pages, suspension in one partner, and the
-- way back from somebody else's eyes.
SET LOCAL ROLE mh_owner;

-- The directory's order.
CREATE INDEX users_name ON app.users (lower(name), user_id);

-- A partner's admin suspends within his partner only; the person may belong to others.
ALTER TABLE app.memberships
    ADD COLUMN suspended_at     timestamptz,
    ADD COLUMN suspended_reason text CHECK (length(suspended_reason) <= 500);

-- The impersonator's own session, to which he returns.
ALTER TABLE app.sessions ADD COLUMN returns_to text;

CREATE INDEX invitations_user ON app.invitations (user_id);
CREATE INDEX invitations_email ON app.invitations (lower(email));
RESET ROLE;
