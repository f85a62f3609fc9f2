SELECT 
    d.device_id,
    d.device_name,
    COUNT(l.id) as total_requests,
    COUNT(DISTINCT l.room) as unique_rooms,
    SUM(CASE WHEN l.status = 'failed' THEN 1 ELSE 0 END) as failed_requests,
    SUM(CASE WHEN l.event = 'hmac_failed' THEN 1 ELSE 0 END) as hmac_failures,
    MAX(l.created_at) as last_activity
FROM kb_bot_devices d
LEFT JOIN kb_chat_logs l ON d.device_id = l.device_id
WHERE l.created_at >= NOW() - INTERVAL 1 DAY
GROUP BY d.device_id, d.device_name
HAVING failed_requests > 10 OR hmac_failures > 0
ORDER BY failed_requests DESC, total_requests DESC
