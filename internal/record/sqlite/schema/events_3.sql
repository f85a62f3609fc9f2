-- Ordinary events, packed: up to 1,000 of one minute (UTC) in a row. What the payload
-- is, internal/brick/columnar says.
CREATE TABLE event_blocks (
  id       INTEGER PRIMARY KEY,
  first_ns INTEGER NOT NULL,  -- Unix nanoseconds of the earliest event
  last_ns  INTEGER NOT NULL,  -- of the latest
  events   INTEGER NOT NULL,  -- how many
  payload  BLOB NOT NULL
);
CREATE INDEX event_blocks_time ON event_blocks (last_ns);
