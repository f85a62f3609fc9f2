-- The document starts from the devices and filters the joined rows: idle devices
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
WHERE l.created_at >= $AGO(1 day) AND l.created_at <= $NOW
GROUP BY 1
HAVING sum(CASE WHEN l.status = 'failed' THEN l.n ELSE 0 END) > 10
    OR sum(CASE WHEN l.event = 'hmac_failed' THEN l.n ELSE 0 END) > 0
ORDER BY failed_requests DESC, total_requests DESC, device_id
