-- Every device that proved itself, and whether its connections were encrypted; those
-- whose last one was in plain text first. Window: the last seven days.
SELECT
    l.device_id,
    d.device_name,
    CASE WHEN coalesce(max(CASE WHEN coalesce(l.flags, 0) & 64 = 0 THEN l.created_at END), '') > coalesce(max(CASE WHEN coalesce(l.flags, 0) & 64 <> 0 THEN l.created_at END), '')
        THEN 'plain' ELSE 'tls' END AS transport,
    coalesce(sum(CASE WHEN coalesce(l.flags, 0) & 64 = 0 THEN l.n END), 0) AS plain,
    coalesce(sum(CASE WHEN coalesce(l.flags, 0) & 64 <> 0 THEN l.n END), 0) AS tls,
    coalesce(max(CASE WHEN coalesce(l.flags, 0) & 64 = 0 THEN l.created_at END), '') AS last_plain,
    coalesce(max(CASE WHEN coalesce(l.flags, 0) & 64 <> 0 THEN l.created_at END), '') AS last_tls
FROM events l
LEFT JOIN kb_bot_devices d ON d.device_id = l.device_id
WHERE l.kind = 'auth' AND l.status = 'success' AND l.device_id IS NOT NULL
    AND l.created_at >= $AGO(7 day) AND l.created_at <= $NOW
GROUP BY l.device_id
ORDER BY transport, plain DESC, l.device_id
