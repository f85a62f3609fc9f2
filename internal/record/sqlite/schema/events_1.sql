-- The four tables of events share their first columns. The names, and the columns
-- device_id, room, status, event, ip_address and created_at, are those of the
-- source documents' SQL (rows A22 to A28, A88).

CREATE TABLE kb_chat_logs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow, 64 TLS
  service      TEXT,
  reason       TEXT,
  n            INTEGER NOT NULL,  -- observations this row stands for
  actors       INTEGER,           -- different actors among them, estimated
  ip_address   TEXT,
  client       TEXT,              -- client key; NULL: the address itself
  device_id    TEXT,
  certificate  TEXT,
  user_name    TEXT,
  ja4          TEXT,
  country      TEXT,
  asn          INTEGER,
  port         INTEGER,
  local_port   INTEGER,
  session      INTEGER,
  verdict      TEXT,              -- NULL: pass
  rule         TEXT,
  ref          TEXT,
  observed     REAL,
  threshold    REAL,
  window_ns    INTEGER,
  duration_ns  INTEGER,
  bytes_in     INTEGER,
  bytes_out    INTEGER,
  room         TEXT,
  frame        TEXT,
  event        TEXT AS (CASE WHEN status = 'failed' AND reason IS NOT NULL THEN reason ELSE coalesce(frame, kind) END) VIRTUAL
);
CREATE INDEX kb_chat_logs_time ON kb_chat_logs (created_at);
CREATE INDEX kb_chat_logs_notable ON kb_chat_logs (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;

CREATE TABLE kb_connection_logs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow, 64 TLS
  service      TEXT,
  reason       TEXT,
  n            INTEGER NOT NULL,  -- observations this row stands for
  actors       INTEGER,           -- different actors among them, estimated
  ip_address   TEXT,
  client       TEXT,              -- client key; NULL: the address itself
  device_id    TEXT,
  certificate  TEXT,
  user_name    TEXT,
  ja4          TEXT,
  country      TEXT,
  asn          INTEGER,
  port         INTEGER,
  local_port   INTEGER,
  session      INTEGER,
  verdict      TEXT,              -- NULL: pass
  rule         TEXT,
  ref          TEXT,
  observed     REAL,
  threshold    REAL,
  window_ns    INTEGER,
  duration_ns  INTEGER,
  bytes_in     INTEGER,
  bytes_out    INTEGER
);
CREATE INDEX kb_connection_logs_time ON kb_connection_logs (created_at);
CREATE INDEX kb_connection_logs_notable ON kb_connection_logs (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;

CREATE TABLE kb_query_logs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow, 64 TLS
  service      TEXT,
  reason       TEXT,
  n            INTEGER NOT NULL,  -- observations this row stands for
  actors       INTEGER,           -- different actors among them, estimated
  ip_address   TEXT,
  client       TEXT,              -- client key; NULL: the address itself
  device_id    TEXT,
  certificate  TEXT,
  user_name    TEXT,
  ja4          TEXT,
  country      TEXT,
  asn          INTEGER,
  port         INTEGER,
  local_port   INTEGER,
  session      INTEGER,
  verdict      TEXT,              -- NULL: pass
  rule         TEXT,
  ref          TEXT,
  observed     REAL,
  threshold    REAL,
  window_ns    INTEGER,
  duration_ns  INTEGER,
  bytes_in     INTEGER,
  bytes_out    INTEGER
);
CREATE INDEX kb_query_logs_time ON kb_query_logs (created_at);
CREATE INDEX kb_query_logs_notable ON kb_query_logs (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;

CREATE TABLE events (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow, 64 TLS
  service      TEXT,
  reason       TEXT,
  n            INTEGER NOT NULL,  -- observations this row stands for
  actors       INTEGER,           -- different actors among them, estimated
  ip_address   TEXT,
  client       TEXT,              -- client key; NULL: the address itself
  device_id    TEXT,
  certificate  TEXT,
  user_name    TEXT,
  ja4          TEXT,
  country      TEXT,
  asn          INTEGER,
  port         INTEGER,
  local_port   INTEGER,
  session      INTEGER,
  verdict      TEXT,              -- NULL: pass
  rule         TEXT,
  ref          TEXT,
  observed     REAL,
  threshold    REAL,
  window_ns    INTEGER,
  duration_ns  INTEGER,
  bytes_in     INTEGER,
  bytes_out    INTEGER,
  frame        TEXT,
  room         TEXT,
  method       TEXT,
  host         TEXT,
  path         TEXT,
  http_status  INTEGER,
  class        TEXT,
  user_agent   TEXT,
  text         TEXT
);
CREATE INDEX events_time ON events (created_at);
CREATE INDEX events_notable ON events (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;

CREATE TABLE kb_suspicious_activities (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,
  ns           INTEGER NOT NULL,
  device_id    TEXT,
  pattern_type TEXT,           -- the documents' name of the pattern, else the rule
  rule         TEXT,
  about        TEXT,
  ref          TEXT,
  severity     INTEGER,
  mode         TEXT,
  service      TEXT,
  metadata     TEXT            -- the whole finding as JSON
);
CREATE INDEX kb_suspicious_activities_time ON kb_suspicious_activities (created_at);
CREATE INDEX kb_suspicious_activities_about ON kb_suspicious_activities (about);
CREATE INDEX kb_suspicious_activities_ref ON kb_suspicious_activities (ref);
CREATE INDEX kb_suspicious_activities_device ON kb_suspicious_activities (device_id) WHERE device_id IS NOT NULL;

-- A copy of the registry in state.db, for joins.
CREATE TABLE kb_bot_devices (
  device_id      TEXT PRIMARY KEY,
  device_name    TEXT,
  status         TEXT NOT NULL,
  last_ping      TEXT,
  blocked_reason TEXT,
  blocked_at     TEXT,
  service        TEXT,
  client_type    TEXT,
  client_version TEXT,
  ip_address     TEXT,
  changed_by     TEXT,
  created_at     TEXT,
  updated_at     TEXT
);

CREATE TABLE incidents (
  id       TEXT PRIMARY KEY,
  rule     TEXT NOT NULL,
  service  TEXT NOT NULL,
  about    TEXT NOT NULL,
  severity INTEGER NOT NULL,
  mode     TEXT NOT NULL,
  start_ns INTEGER NOT NULL,
  last_ns  INTEGER NOT NULL,
  end_ns   INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  peak     REAL NOT NULL,
  decision TEXT NOT NULL
);
CREATE INDEX incidents_last ON incidents (last_ns);
CREATE INDEX incidents_open ON incidents (last_ns) WHERE end_ns = 0;

-- In which minutes (Unix time / 60) a subject occurs: d and a device key, a and an
-- address, r and a reference.
CREATE TABLE seen (
  subject TEXT NOT NULL,
  minute  INTEGER NOT NULL,
  PRIMARY KEY (subject, minute)
) WITHOUT ROWID;
CREATE INDEX seen_minute ON seen (minute);

-- Counts of each minute, kept up to date by the writer: the overview reads these.
CREATE TABLE minutes (
  minute        INTEGER PRIMARY KEY,
  requests      INTEGER NOT NULL,
  passed        INTEGER NOT NULL,
  refused       INTEGER NOT NULL,
  auth_failures INTEGER NOT NULL,
  suspicious    INTEGER NOT NULL
);

-- Offsets of the console's time zone from UTC, from each change of clocks on, so
-- that a view can tell local hours.
CREATE TABLE zone_offsets (
  from_unix  INTEGER PRIMARY KEY,
  until_unix INTEGER NOT NULL,
  seconds    INTEGER NOT NULL,
  name       TEXT NOT NULL
);
