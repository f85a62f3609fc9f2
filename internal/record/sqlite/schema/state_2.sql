-- The life of a device: a label, the deviceUUID it is pinned to, how far its clock is off, when each key was last used and
-- which enrolment code it came with; the codes themselves, as hashes; the audit log by subject.
ALTER TABLE devices ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN uuid TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN skew_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN skew_min_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN skew_max_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN skew_at_ns INTEGER NOT NULL DEFAULT 0;

ALTER TABLE device_keys ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE device_keys ADD COLUMN used_ns INTEGER NOT NULL DEFAULT 0;

CREATE TABLE enrol_codes (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL,
  service    TEXT NOT NULL,
  bot        TEXT NOT NULL,
  label      TEXT NOT NULL,
  uses       INTEGER NOT NULL,
  used       INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  until_ns   INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  ended_ns   INTEGER NOT NULL,
  ended_by   TEXT NOT NULL
) STRICT;

CREATE INDEX audit_subject ON audit (subject, seq);
