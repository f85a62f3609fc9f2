-- The last batch of each run of a writer, so that one which is sent again is not
-- written twice.
CREATE TABLE batches (
  run        TEXT PRIMARY KEY,
  seq        INTEGER NOT NULL,
  arrived_ns INTEGER NOT NULL
) WITHOUT ROWID;

-- The status as the gateway wrote it: where it differs, somebody changed the row by
-- hand (row A89).
ALTER TABLE kb_bot_devices ADD COLUMN written_status TEXT;
UPDATE kb_bot_devices SET written_status = status;
