-- Every registered device, the idle ones too, which no view of the documents shows.
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
    AND l.created_at >= $AGO(1 day) AND l.created_at <= $NOW
GROUP BY d.device_id
ORDER BY requests DESC, d.device_id
