-- The tables of SQLite's state.db and events.db, in one database. Every text is UTF-8
-- and is compared byte for byte, spaces at the end included ($TABLE says so):
-- "loa.i/1" is not "LOA.i/1". A time is a TIMESTAMP, so that the documents' NOW() and
-- HOUR() mean the client's own time zone; ns is exact. Statements end with a semicolon
-- at the end of a line, and may run again after a migration that was broken off.

-- The four tables of events share their first columns. The names, and the columns
-- device_id, room, status, event, ip_address and created_at, are those of the source
-- documents' SQL (rows A22 to A28, A88). status: success, failed, NULL neither.
-- severity: 1 low to 4 critical, NULL info. flags: see the code. n: observations this
-- row stands for; actors: different actors among them, estimated. client: client key,
-- NULL where it is the address itself. verdict: NULL is pass. notable: failures,
-- refusals and what has a severity.

CREATE TABLE IF NOT EXISTS kb_chat_logs (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created_at   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ns           BIGINT NOT NULL,
  kind         VARCHAR(32) NOT NULL,
  status       VARCHAR(16),
  severity     TINYINT,
  flags        SMALLINT,
  service      VARCHAR(190),
  reason       VARCHAR(190),
  n            BIGINT NOT NULL,
  actors       BIGINT,
  ip_address   VARCHAR(64),
  client       VARCHAR(64),
  device_id    VARCHAR(500),
  certificate  TEXT,
  user_name    VARCHAR(500),
  ja4          VARCHAR(190),
  country      VARCHAR(190),
  asn          BIGINT,
  port         INT,
  local_port   INT,
  session      BIGINT,
  verdict      VARCHAR(32),
  rule         VARCHAR(190),
  ref          VARCHAR(190),
  observed     DOUBLE,
  threshold    DOUBLE,
  window_ns    BIGINT,
  duration_ns  BIGINT,
  bytes_in     BIGINT,
  bytes_out    BIGINT,
  room         VARCHAR(500),
  frame        VARCHAR(190),
  event        VARCHAR(190) AS (CASE WHEN status = 'failed' AND reason IS NOT NULL THEN reason ELSE coalesce(frame, kind) END) VIRTUAL,
  notable      TINYINT AS (CASE WHEN status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL THEN 1 ELSE 0 END) STORED,
  KEY kb_chat_logs_time (created_at, ns),
  KEY kb_chat_logs_notable (notable, created_at, ns)
) $TABLE;

CREATE TABLE IF NOT EXISTS kb_connection_logs (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created_at   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ns           BIGINT NOT NULL,
  kind         VARCHAR(32) NOT NULL,
  status       VARCHAR(16),
  severity     TINYINT,
  flags        SMALLINT,
  service      VARCHAR(190),
  reason       VARCHAR(190),
  n            BIGINT NOT NULL,
  actors       BIGINT,
  ip_address   VARCHAR(64),
  client       VARCHAR(64),
  device_id    VARCHAR(500),
  certificate  TEXT,
  user_name    VARCHAR(500),
  ja4          VARCHAR(190),
  country      VARCHAR(190),
  asn          BIGINT,
  port         INT,
  local_port   INT,
  session      BIGINT,
  verdict      VARCHAR(32),
  rule         VARCHAR(190),
  ref          VARCHAR(190),
  observed     DOUBLE,
  threshold    DOUBLE,
  window_ns    BIGINT,
  duration_ns  BIGINT,
  bytes_in     BIGINT,
  bytes_out    BIGINT,
  notable      TINYINT AS (CASE WHEN status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL THEN 1 ELSE 0 END) STORED,
  KEY kb_connection_logs_time (created_at, ns),
  KEY kb_connection_logs_notable (notable, created_at, ns)
) $TABLE;

CREATE TABLE IF NOT EXISTS kb_query_logs (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created_at   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ns           BIGINT NOT NULL,
  kind         VARCHAR(32) NOT NULL,
  status       VARCHAR(16),
  severity     TINYINT,
  flags        SMALLINT,
  service      VARCHAR(190),
  reason       VARCHAR(190),
  n            BIGINT NOT NULL,
  actors       BIGINT,
  ip_address   VARCHAR(64),
  client       VARCHAR(64),
  device_id    VARCHAR(500),
  certificate  TEXT,
  user_name    VARCHAR(500),
  ja4          VARCHAR(190),
  country      VARCHAR(190),
  asn          BIGINT,
  port         INT,
  local_port   INT,
  session      BIGINT,
  verdict      VARCHAR(32),
  rule         VARCHAR(190),
  ref          VARCHAR(190),
  observed     DOUBLE,
  threshold    DOUBLE,
  window_ns    BIGINT,
  duration_ns  BIGINT,
  bytes_in     BIGINT,
  bytes_out    BIGINT,
  notable      TINYINT AS (CASE WHEN status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL THEN 1 ELSE 0 END) STORED,
  KEY kb_query_logs_time (created_at, ns),
  KEY kb_query_logs_notable (notable, created_at, ns)
) $TABLE;

CREATE TABLE IF NOT EXISTS events (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created_at   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ns           BIGINT NOT NULL,
  kind         VARCHAR(32) NOT NULL,
  status       VARCHAR(16),
  severity     TINYINT,
  flags        SMALLINT,
  service      VARCHAR(190),
  reason       VARCHAR(190),
  n            BIGINT NOT NULL,
  actors       BIGINT,
  ip_address   VARCHAR(64),
  client       VARCHAR(64),
  device_id    VARCHAR(500),
  certificate  TEXT,
  user_name    VARCHAR(500),
  ja4          VARCHAR(190),
  country      VARCHAR(190),
  asn          BIGINT,
  port         INT,
  local_port   INT,
  session      BIGINT,
  verdict      VARCHAR(32),
  rule         VARCHAR(190),
  ref          VARCHAR(190),
  observed     DOUBLE,
  threshold    DOUBLE,
  window_ns    BIGINT,
  duration_ns  BIGINT,
  bytes_in     BIGINT,
  bytes_out    BIGINT,
  frame        VARCHAR(190),
  room         VARCHAR(500),
  method       VARCHAR(190),
  host         VARCHAR(500),
  path         TEXT,
  http_status  INT,
  class        VARCHAR(190),
  user_agent   TEXT,
  text         TEXT,
  notable      TINYINT AS (CASE WHEN status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL THEN 1 ELSE 0 END) STORED,
  KEY events_time (created_at, ns),
  KEY events_notable (notable, created_at, ns)
) $TABLE;

-- pattern_type: the documents' name of the pattern, else the rule. metadata: the whole
-- finding as JSON.
CREATE TABLE IF NOT EXISTS kb_suspicious_activities (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created_at   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ns           BIGINT NOT NULL,
  device_id    VARCHAR(500),
  pattern_type VARCHAR(190),
  rule         VARCHAR(190),
  about        VARCHAR(500),
  ref          VARCHAR(190),
  severity     TINYINT,
  mode         VARCHAR(32),
  service      VARCHAR(190),
  metadata     LONGTEXT,
  KEY kb_suspicious_activities_time (created_at, ns),
  KEY kb_suspicious_activities_about (about),
  KEY kb_suspicious_activities_ref (ref),
  KEY kb_suspicious_activities_device (device_id)
) $TABLE;

-- A copy of the registry, for joins and for statements by hand. written_status is the
-- status as the gateway wrote it: where the two differ, somebody changed the row
-- (row A89).
CREATE TABLE IF NOT EXISTS kb_bot_devices (
  device_id      VARCHAR(500) NOT NULL PRIMARY KEY,
  device_name    VARCHAR(500),
  status         VARCHAR(32) NOT NULL,
  written_status VARCHAR(32),
  last_ping      TIMESTAMP NULL DEFAULT NULL,
  blocked_reason TEXT,
  blocked_at     TIMESTAMP NULL DEFAULT NULL,
  service        VARCHAR(190),
  client_type    VARCHAR(190),
  client_version VARCHAR(190),
  ip_address     VARCHAR(64),
  changed_by     VARCHAR(190),
  created_at     TIMESTAMP NULL DEFAULT NULL,
  updated_at     TIMESTAMP NULL DEFAULT NULL
) $TABLE;

CREATE TABLE IF NOT EXISTS incidents (
  id       VARCHAR(190) NOT NULL PRIMARY KEY,
  rule     VARCHAR(190) NOT NULL,
  service  VARCHAR(190) NOT NULL,
  about    VARCHAR(500) NOT NULL,
  severity TINYINT NOT NULL,
  mode     VARCHAR(32) NOT NULL,
  start_ns BIGINT NOT NULL,
  last_ns  BIGINT NOT NULL,
  end_ns   BIGINT NOT NULL,
  findings BIGINT NOT NULL,
  peak     DOUBLE NOT NULL,
  decision VARCHAR(190) NOT NULL,
  KEY incidents_last (last_ns),
  KEY incidents_open (end_ns, last_ns)
) $TABLE;

-- In which minutes (Unix time / 60) a subject occurs: d and a device key, a and an
-- address, r and a reference.
CREATE TABLE IF NOT EXISTS seen (
  subject VARCHAR(501) NOT NULL,
  minute  BIGINT NOT NULL,
  PRIMARY KEY (subject, minute),
  KEY seen_minute (minute)
) $TABLE;

-- Counts of each minute, kept up to date by the writer: the overview reads these.
CREATE TABLE IF NOT EXISTS minutes (
  minute        BIGINT NOT NULL PRIMARY KEY,
  requests      BIGINT NOT NULL,
  passed        BIGINT NOT NULL,
  refused       BIGINT NOT NULL,
  auth_failures BIGINT NOT NULL,
  suspicious    BIGINT NOT NULL
) $TABLE;

-- The last batch of each run of a writer, so that one which is sent again is not
-- written twice.
CREATE TABLE IF NOT EXISTS batches (
  run        VARCHAR(64) NOT NULL PRIMARY KEY,
  seq        BIGINT NOT NULL,
  arrived_ns BIGINT NOT NULL
) $TABLE;

-- Offsets of the console's time zone from UTC, from each change of clocks on, so that
-- a view can tell local hours.
CREATE TABLE IF NOT EXISTS zone_offsets (
  from_unix  BIGINT NOT NULL PRIMARY KEY,
  until_unix BIGINT NOT NULL,
  seconds    INT NOT NULL,
  name       VARCHAR(64) NOT NULL
) $TABLE;

CREATE TABLE IF NOT EXISTS devices (
  `key`       VARCHAR(500) NOT NULL PRIMARY KEY,
  bot         VARCHAR(500) NOT NULL,
  serial      VARCHAR(500) NOT NULL,
  service     VARCHAR(190) NOT NULL,
  status      VARCHAR(32) NOT NULL CHECK (status IN ('pending','approved','denied','revoked','blocked')),
  reason      TEXT NOT NULL,
  changed_by  VARCHAR(190) NOT NULL,
  changed_ns  BIGINT NOT NULL,
  client_type VARCHAR(190) NOT NULL,
  version     VARCHAR(190) NOT NULL,
  addr        VARCHAR(64) NOT NULL,
  first_ns    BIGINT NOT NULL,
  seen_ns     BIGINT NOT NULL,
  ping_ns     BIGINT NOT NULL,
  label       VARCHAR(500) NOT NULL,
  uuid        VARCHAR(190) NOT NULL,
  skew_ns     BIGINT NOT NULL,
  skew_min_ns BIGINT NOT NULL,
  skew_max_ns BIGINT NOT NULL,
  skew_at_ns  BIGINT NOT NULL
) $TABLE;

CREATE TABLE IF NOT EXISTS device_keys (
  device     VARCHAR(500) NOT NULL,
  id         VARCHAR(64) NOT NULL,
  secret     VARBINARY(4096) NOT NULL,
  salt       VARBINARY(4096) NOT NULL,
  created_ns BIGINT NOT NULL,
  until_ns   BIGINT NOT NULL,
  code       VARCHAR(64) NOT NULL,
  used_ns    BIGINT NOT NULL,
  PRIMARY KEY (device, id)
) $TABLE;

-- Enrolment codes, as hashes.
CREATE TABLE IF NOT EXISTS enrol_codes (
  id         VARCHAR(64) NOT NULL PRIMARY KEY,
  hash       VARBINARY(255) NOT NULL,
  service    VARCHAR(190) NOT NULL,
  bot        VARCHAR(500) NOT NULL,
  label      VARCHAR(500) NOT NULL,
  uses       BIGINT NOT NULL,
  used       BIGINT NOT NULL,
  created_ns BIGINT NOT NULL,
  until_ns   BIGINT NOT NULL,
  created_by VARCHAR(190) NOT NULL,
  ended_ns   BIGINT NOT NULL,
  ended_by   VARCHAR(190) NOT NULL
) $TABLE;

CREATE TABLE IF NOT EXISTS decisions (
  id          VARCHAR(190) NOT NULL PRIMARY KEY,
  scope       VARCHAR(500) NOT NULL,
  service     VARCHAR(190) NOT NULL,
  action      VARCHAR(32) NOT NULL,
  mode        VARCHAR(32) NOT NULL,
  rule        VARCHAR(190) NOT NULL,
  reason      TEXT NOT NULL,
  origin      VARCHAR(32) NOT NULL,
  decided_by  VARCHAR(190) NOT NULL,
  observed    DOUBLE NOT NULL,
  threshold   DOUBLE NOT NULL,
  window_ns   BIGINT NOT NULL,
  findings    MEDIUMTEXT NOT NULL,
  from_ns     BIGINT NOT NULL,
  until_ns    BIGINT NOT NULL,
  `repeat`    INT NOT NULL,
  lifted_ns   BIGINT NOT NULL,
  lifted_by   VARCHAR(190) NOT NULL,
  lift_reason TEXT NOT NULL,
  KEY decisions_from (from_ns),
  KEY decisions_scope (scope),
  KEY decisions_open (lifted_ns, until_ns)
) $TABLE;

CREATE TABLE IF NOT EXISTS audit (
  seq      BIGINT NOT NULL PRIMARY KEY,
  ns       BIGINT NOT NULL,
  by_name  TEXT NOT NULL,
  via      TEXT NOT NULL,
  action   TEXT NOT NULL,
  subject  VARCHAR(700) NOT NULL,
  `before` TEXT NOT NULL,
  after    TEXT NOT NULL,
  reason   TEXT NOT NULL,
  prev     VARCHAR(64) NOT NULL,
  hash     VARCHAR(64) NOT NULL,
  KEY audit_subject (subject, seq)
) $TABLE;

CREATE TABLE IF NOT EXISTS audit_head (
  one  TINYINT NOT NULL PRIMARY KEY CHECK (one = 1),
  seq  BIGINT NOT NULL,
  hash VARCHAR(64) NOT NULL
) $TABLE;
INSERT INTO audit_head VALUES (1, 0, '') ON DUPLICATE KEY UPDATE one = one;

CREATE TABLE IF NOT EXISTS settings (
  name     VARCHAR(500) NOT NULL PRIMARY KEY,
  value    MEDIUMBLOB NOT NULL,
  until_ns BIGINT NOT NULL,
  KEY settings_until (until_ns)
) $TABLE;
