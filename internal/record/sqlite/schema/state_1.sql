CREATE TABLE devices (
  key         TEXT PRIMARY KEY,
  bot         TEXT NOT NULL,
  serial      TEXT NOT NULL,
  service     TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('pending','approved','denied','revoked','blocked')),
  reason      TEXT NOT NULL,
  changed_by  TEXT NOT NULL,
  changed_ns  INTEGER NOT NULL,
  client_type TEXT NOT NULL,
  version     TEXT NOT NULL,
  addr        TEXT NOT NULL,
  first_ns    INTEGER NOT NULL,
  seen_ns     INTEGER NOT NULL,
  ping_ns     INTEGER NOT NULL
) STRICT;

CREATE TABLE device_keys (
  device     TEXT NOT NULL,
  id         TEXT NOT NULL,
  secret     BLOB NOT NULL,
  salt       BLOB NOT NULL,
  created_ns INTEGER NOT NULL,
  until_ns   INTEGER NOT NULL,
  PRIMARY KEY (device, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
  id          TEXT PRIMARY KEY,
  scope       TEXT NOT NULL,
  service     TEXT NOT NULL,
  action      TEXT NOT NULL,
  mode        TEXT NOT NULL,
  rule        TEXT NOT NULL,
  reason      TEXT NOT NULL,
  origin      TEXT NOT NULL,
  decided_by  TEXT NOT NULL,
  observed    REAL NOT NULL,
  threshold   REAL NOT NULL,
  window_ns   INTEGER NOT NULL,
  findings    TEXT NOT NULL,
  from_ns     INTEGER NOT NULL,
  until_ns    INTEGER NOT NULL,
  repeat      INTEGER NOT NULL,
  lifted_ns   INTEGER NOT NULL,
  lifted_by   TEXT NOT NULL,
  lift_reason TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_from ON decisions (from_ns);
CREATE INDEX decisions_scope ON decisions (scope);
CREATE INDEX decisions_open ON decisions (until_ns) WHERE lifted_ns = 0;

CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  ns      INTEGER NOT NULL,
  by_name TEXT NOT NULL,
  via     TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  before  TEXT NOT NULL,
  after   TEXT NOT NULL,
  reason  TEXT NOT NULL,
  prev    TEXT NOT NULL,
  hash    TEXT NOT NULL
) STRICT;
-- Against accidents; against intent there is the hash chain.
CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_keeps_text BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

CREATE TABLE audit_head (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  seq  INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, 0, '');

CREATE TABLE settings (
  name     TEXT PRIMARY KEY,
  value    BLOB NOT NULL,
  until_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_until ON settings (until_ns) WHERE until_ns > 0;
