-- events.db as the first release wrote it (schema 1, commit 696d344), dumped by sqlite3.
PRAGMA application_id = 1212237123;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);
INSERT INTO schema_version VALUES(1,'2026-11-28 21:11:03');
CREATE TABLE kb_chat_logs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow
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
INSERT INTO kb_chat_logs VALUES(1,'2025-11-22 10:29:30',1763807370000000500,'message','success',NULL,NULL,'bots',NULL,1,NULL,'203.0.113.7',NULL,'LOA.i/0123456789abcdef',NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'가족방','message');
INSERT INTO kb_chat_logs VALUES(2,'2025-11-22 10:28:30',1763807310000000500,'auth','failed',NULL,NULL,'bots','hmac_failed',1,NULL,'203.0.113.7',NULL,'LOA.i/0123456789abcdef',NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,'deny','device/auth','HHFXW-JDXHG',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE kb_connection_logs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow
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
INSERT INTO kb_connection_logs VALUES(1,'2025-11-22 10:27:30',1763807250000000500,'connect','success',NULL,NULL,'bots',NULL,1,NULL,'203.0.113.7',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE kb_query_logs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow
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
INSERT INTO kb_query_logs VALUES(1,'2025-11-22 10:26:30',1763807190000000500,'query','success',NULL,NULL,'bots',NULL,1,NULL,'203.0.113.7',NULL,'도매까봇/1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE events (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,     -- UTC, to the second: what the documents' queries compare
  ns           INTEGER NOT NULL,  -- UTC, Unix nanoseconds: the exact time, for order
  kind         TEXT NOT NULL,
  status       TEXT,              -- success, failed; NULL: neither
  severity     INTEGER,           -- 1 low to 4 critical; NULL: info
  flags        INTEGER,           -- 1 handshaken, 2 authenticated, 4 allowed, 8 provoked, 16 shadow
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
INSERT INTO events VALUES(1,'2025-11-22 10:25:30',1763807130000000500,'request','success',NULL,NULL,'bots',NULL,1,NULL,'203.0.113.7',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO kb_suspicious_activities VALUES(1,'2025-11-22 10:30:30',1763807430000000500,'LOA.i/0123456789abcdef','failed_auth','device/failed-auth','device:LOA.i/0123456789abcdef','4R4BP-S5N1T',3,NULL,'bots','{"@timestamp":"2025-11-22T10:30:30.0000005Z","rule.id":"device/failed-auth","rule.version":1,"haechi.pattern":"failed_auth","service.name":"bots","haechi.scope":"device:LOA.i/0123456789abcdef","haechi.assurance":"seen","haechi.severity":"high","haechi.observed":6,"haechi.threshold":5,"haechi.window":0,"event.start":"2025-11-22T10:30:30.0000005Z","event.end":"2025-11-22T10:30:30.0000005Z","haechi.mode":"","haechi.score":0,"event.reference":"4R4BP-S5N1T"}');
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
INSERT INTO kb_bot_devices VALUES('도매까봇/1','도매까봇','blocked',NULL,'Suspicious activity','2025-11-22 10:30:30','bots',NULL,NULL,NULL,'kim','2025-11-22 10:30:30','2025-11-22 10:30:30');
INSERT INTO kb_bot_devices VALUES('LOA.i/0123456789abcdef','LOA.i','approved','2025-11-22 10:30:30',NULL,NULL,'bots',NULL,NULL,NULL,NULL,'2025-11-22 10:30:30',NULL);
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
INSERT INTO incidents VALUES('00000-00001','device/failed-auth','bots','device:LOA.i/0123456789abcdef',3,'',1763807430000000500,1763807430000000500,0,1,6.0,'');
CREATE TABLE seen (
  subject TEXT NOT NULL,
  minute  INTEGER NOT NULL,
  PRIMARY KEY (subject, minute)
) WITHOUT ROWID;
INSERT INTO seen VALUES('a203.0.113.7',29396785);
INSERT INTO seen VALUES('a203.0.113.7',29396786);
INSERT INTO seen VALUES('d도매까봇/1',29396786);
INSERT INTO seen VALUES('a203.0.113.7',29396787);
INSERT INTO seen VALUES('a203.0.113.7',29396788);
INSERT INTO seen VALUES('dLOA.i/0123456789abcdef',29396788);
INSERT INTO seen VALUES('rHHFXW-JDXHG',29396788);
INSERT INTO seen VALUES('a203.0.113.7',29396789);
INSERT INTO seen VALUES('dLOA.i/0123456789abcdef',29396789);
CREATE TABLE minutes (
  minute        INTEGER PRIMARY KEY,
  requests      INTEGER NOT NULL,
  passed        INTEGER NOT NULL,
  refused       INTEGER NOT NULL,
  auth_failures INTEGER NOT NULL,
  suspicious    INTEGER NOT NULL
);
INSERT INTO minutes VALUES(29396785,1,1,0,0,0);
INSERT INTO minutes VALUES(29396788,0,0,1,1,0);
INSERT INTO minutes VALUES(29396789,1,1,0,0,0);
INSERT INTO minutes VALUES(29396790,0,0,0,0,1);
CREATE TABLE zone_offsets (
  from_unix  INTEGER PRIMARY KEY,
  until_unix INTEGER NOT NULL,
  seconds    INTEGER NOT NULL,
  name       TEXT NOT NULL
);
INSERT INTO zone_offsets VALUES(0,1099511627776,32400,'KST');
CREATE INDEX kb_chat_logs_time ON kb_chat_logs (created_at);
CREATE INDEX kb_chat_logs_notable ON kb_chat_logs (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;
CREATE INDEX kb_connection_logs_time ON kb_connection_logs (created_at);
CREATE INDEX kb_connection_logs_notable ON kb_connection_logs (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;
CREATE INDEX kb_query_logs_time ON kb_query_logs (created_at);
CREATE INDEX kb_query_logs_notable ON kb_query_logs (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;
CREATE INDEX events_time ON events (created_at);
CREATE INDEX events_notable ON events (created_at)
  WHERE status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL;
CREATE INDEX kb_suspicious_activities_time ON kb_suspicious_activities (created_at);
CREATE INDEX kb_suspicious_activities_about ON kb_suspicious_activities (about);
CREATE INDEX kb_suspicious_activities_ref ON kb_suspicious_activities (ref);
CREATE INDEX kb_suspicious_activities_device ON kb_suspicious_activities (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX incidents_last ON incidents (last_ns);
CREATE INDEX incidents_open ON incidents (last_ns) WHERE end_ns = 0;
CREATE INDEX seen_minute ON seen (minute);
CREATE VIEW v_daily_security_report AS SELECT 
    d.device_id,
    d.device_name,
    COUNT(l.id) as total_requests,
    COUNT(DISTINCT l.room) as unique_rooms,
    SUM(CASE WHEN l.status = 'failed' THEN 1 ELSE 0 END) as failed_requests,
    SUM(CASE WHEN l.event = 'hmac_failed' THEN 1 ELSE 0 END) as hmac_failures,
    MAX(l.created_at) as last_activity
FROM kb_bot_devices d
LEFT JOIN kb_chat_logs l ON d.device_id = l.device_id
WHERE l.created_at >= datetime('now', '-1 day')
GROUP BY d.device_id, d.device_name
HAVING failed_requests > 10 OR hmac_failures > 0
ORDER BY failed_requests DESC, total_requests DESC;
CREATE VIEW v_hourly_activity_pattern AS SELECT 
    CAST(strftime('%H', created_at) AS INTEGER) as hour,
    COUNT(*) as request_count,
    COUNT(DISTINCT device_id) as active_devices
FROM kb_chat_logs
WHERE created_at >= datetime('now', '-7 days')
GROUP BY CAST(strftime('%H', created_at) AS INTEGER)
ORDER BY hour;
CREATE VIEW v_ip_connection_attempts AS SELECT 
    ip_address,
    COUNT(*) as attempt_count,
    SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END) as success_count,
    SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) as failed_count,
    MIN(created_at) as first_seen,
    MAX(created_at) as last_seen
FROM kb_connection_logs
WHERE created_at >= datetime('now', '-1 day')
GROUP BY ip_address
HAVING failed_count > 5
ORDER BY failed_count DESC;
CREATE VIEW v_daily_security_report_fixed AS -- The document starts from the devices and filters the joined rows: idle devices
-- vanish, and so does everybody who is not registered (F20). This one starts from
-- what happened. Window: the last 24 hours, to the second, UTC.
SELECT
    CASE WHEN l.device_id IS NULL THEN '(no identity)'
         WHEN d.device_id IS NULL THEN '(not registered)'
         ELSE l.device_id END AS device_id,
    coalesce(max(d.device_name), '') AS device_name,
    count(DISTINCT l.device_id) AS identities,
    sum(l.n) AS total_requests,
    count(DISTINCT l.room) AS unique_rooms,
    sum(CASE WHEN l.room IS NULL THEN l.n ELSE 0 END) AS without_room,
    sum(CASE WHEN l.status = 'failed' THEN l.n ELSE 0 END) AS failed_requests,
    sum(CASE WHEN l.event = 'hmac_failed' THEN l.n ELSE 0 END) AS hmac_failures,
    max(l.created_at) AS last_activity
FROM kb_chat_logs l
LEFT JOIN kb_bot_devices d ON d.device_id = l.device_id
WHERE l.created_at >= datetime('now', '-1 day') AND l.created_at <= datetime('now')
GROUP BY 1
HAVING sum(CASE WHEN l.status = 'failed' THEN l.n ELSE 0 END) > 10
    OR sum(CASE WHEN l.event = 'hmac_failed' THEN l.n ELSE 0 END) > 0
ORDER BY failed_requests DESC, total_requests DESC, device_id
;
CREATE VIEW v_hourly_activity_pattern_fixed AS -- The document's hours are the server's and leave out hours without traffic (F21,
-- F22). These are all 24 hours of the configured zone, its changes of clocks
-- included; requests without a device are a number of their own. Window: the last
-- 7 times 24 hours, added up by hour of the day.
WITH RECURSIVE hours(hour) AS (SELECT 0 UNION ALL SELECT hour + 1 FROM hours WHERE hour < 23),
local AS (
    SELECT (l.ns / 1000000000 + z.seconds) / 3600 % 24 AS hour, l.n, l.device_id
    FROM kb_chat_logs l
    JOIN zone_offsets z ON l.ns / 1000000000 >= z.from_unix AND l.ns / 1000000000 < z.until_unix
    WHERE l.created_at >= datetime('now', '-7 days') AND l.created_at <= datetime('now')
)
SELECT
    hours.hour,
    coalesce(sum(local.n), 0) AS request_count,
    count(DISTINCT local.device_id) AS active_devices,
    coalesce(sum(CASE WHEN local.device_id IS NULL THEN local.n END), 0) AS without_device
FROM hours LEFT JOIN local ON local.hour = hours.hour
GROUP BY hours.hour
ORDER BY hours.hour
;
CREATE VIEW v_ip_connection_attempts_fixed AS -- The document groups by the exact address, so that one IPv6 network is any number
-- of clients, melts all rows without an address into one, and sees no failed
-- authentication (F21, F23). This one groups by the client key (IPv4 address, IPv6
-- prefix); an attempt is a connection, failed is a refused connection, a failed
-- handshake or a failed authentication. Window: the last 24 hours, UTC.
WITH attempts AS (
    SELECT client, ip_address, kind, status, n, created_at FROM kb_connection_logs
    WHERE created_at >= datetime('now', '-1 day') AND created_at <= datetime('now')
    UNION ALL
    SELECT client, ip_address, kind, status, n, created_at FROM kb_chat_logs
    WHERE created_at >= datetime('now', '-1 day') AND created_at <= datetime('now') AND kind = 'auth'
)
SELECT
    coalesce(client, ip_address, '(no address)') AS client,
    count(DISTINCT ip_address) AS addresses,
    sum(CASE WHEN kind = 'connect' THEN n ELSE 0 END) AS attempt_count,
    sum(CASE WHEN kind = 'connect' AND status = 'success' THEN n ELSE 0 END) AS success_count,
    sum(CASE WHEN status = 'failed' THEN n ELSE 0 END) AS failed_count,
    sum(CASE WHEN kind = 'auth' THEN n ELSE 0 END) AS failed_auths,
    min(created_at) AS first_seen,
    max(created_at) AS last_seen
FROM attempts
GROUP BY 1
HAVING sum(CASE WHEN status = 'failed' THEN n ELSE 0 END) > 5
ORDER BY failed_count DESC, client
;
CREATE VIEW v_device_activity AS -- Every registered device, the idle ones too, which no view of the documents shows.
-- Window of the counts: the last 24 hours.
SELECT
    d.device_id,
    d.device_name,
    d.status,
    coalesce(sum(l.n), 0) AS requests,
    coalesce(sum(CASE WHEN l.status = 'failed' THEN l.n END), 0) AS failed,
    coalesce(max(l.created_at), '') AS last_activity,
    coalesce(d.last_ping, '') AS last_ping
FROM kb_bot_devices d
LEFT JOIN kb_chat_logs l ON l.device_id = d.device_id
    AND l.created_at >= datetime('now', '-1 day') AND l.created_at <= datetime('now')
GROUP BY d.device_id
ORDER BY requests DESC, d.device_id
;
CREATE VIEW v_query_volume AS -- Row A88 without its blind spot: queries without a device are a group of their
-- own. Window: the last hour; the document's limit is 1000.
SELECT
    coalesce(device_id, '(no identity)') AS device_id,
    sum(n) AS query_count,
    CASE WHEN sum(n) > 1000 THEN 'yes' ELSE 'no' END AS above_1000,
    max(created_at) AS last_seen
FROM kb_query_logs
WHERE created_at >= datetime('now', '-1 hour') AND created_at <= datetime('now')
GROUP BY 1
ORDER BY query_count DESC, device_id
;
COMMIT;
