-- state.db as the first release wrote it (schema 1), dumped by sqlite3.
PRAGMA application_id = 1212237123;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "audit" VALUES(1,1763807430000000500,'kim','cli','device.add','도매까봇/1','','pending','','','d0ad57224a16ba632a31efaa20d9ef3130a9050f715b1caf4441d73c862eac2c');
INSERT INTO "audit" VALUES(2,1763807430000000501,'kim','cli','device.status','LOA.i/0123456789abcdef','pending','approved','','d0ad57224a16ba632a31efaa20d9ef3130a9050f715b1caf4441d73c862eac2c','27506bfdf2f83f1ce41ff4083698de127a8729e6ed4016d2a3683e087e2617b0');
INSERT INTO "audit" VALUES(3,1763807430000000502,'kim','cli','device.status','도매까봇/1','pending','blocked','휴대폰 분실','27506bfdf2f83f1ce41ff4083698de127a8729e6ed4016d2a3683e087e2617b0','9a292ecc0f5e85d1cc80e94e1f7baa876267d511e70e52561e7683034f495618');
CREATE TABLE audit_head (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  seq  INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO "audit_head" VALUES(1,3,'9a292ecc0f5e85d1cc80e94e1f7baa876267d511e70e52561e7683034f495618');
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
INSERT INTO "decisions" VALUES('00000-00001','device:도매까봇/1','','deny','enforce','','','operator','lee',0.0,0.0,0,'null',1763807430000000500,0,0,0,'','');
CREATE TABLE device_keys (
  device     TEXT NOT NULL,
  id         TEXT NOT NULL,
  secret     BLOB NOT NULL,
  salt       BLOB NOT NULL,
  created_ns INTEGER NOT NULL,
  until_ns   INTEGER NOT NULL,
  PRIMARY KEY (device, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "device_keys" VALUES('LOA.i/0123456789abcdef','k1',X'6578616D706C652D7365637265742D646F2D6E6F742D757365',X'6578616D706C652D73616C74',1763803830000000500,1763811030000000500);
INSERT INTO "device_keys" VALUES('LOA.i/0123456789abcdef','k2',X'6578616D706C652D7365637265742D32',X'',1763807430000000500,0);
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
INSERT INTO "devices" VALUES('LOA.i/0123456789abcdef','LOA.i','0123456789abcdef','bots','approved','','kim',1763807430000000500,'MessengerBotR','3.3.3','203.0.113.7',1763803830000000500,1763807430000000500,1763807430000000500);
INSERT INTO "devices" VALUES('도매까봇/1','도매까봇','1','bots','blocked','휴대폰 분실','lee',1763807430000000500,'','','',1763807430000000500,0,0);
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);
INSERT INTO "schema_version" VALUES(1,'2026-11-28 20:22:26');
CREATE TABLE settings (
  name     TEXT PRIMARY KEY,
  value    BLOB NOT NULL,
  until_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "settings" VALUES('zone-test',X'78',0);
CREATE INDEX decisions_from ON decisions (from_ns);
CREATE INDEX decisions_scope ON decisions (scope);
CREATE INDEX decisions_open ON decisions (until_ns) WHERE lifted_ns = 0;
CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_keeps_text BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE INDEX settings_until ON settings (until_ns) WHERE until_ns > 0;
COMMIT;
