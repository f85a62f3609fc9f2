SELECT 
    HOUR(created_at) as hour,
    COUNT(*) as request_count,
    COUNT(DISTINCT device_id) as active_devices
FROM kb_chat_logs
WHERE created_at >= NOW() - INTERVAL 7 DAY
GROUP BY HOUR(created_at)
ORDER BY hour
