-- The rows whose status somebody changed by hand, which are none as a rule: they are
-- looked for every two seconds, and else every device were read each time.
CREATE INDEX kb_bot_devices_by_hand ON kb_bot_devices (device_id) WHERE status <> coalesce(written_status, '');
