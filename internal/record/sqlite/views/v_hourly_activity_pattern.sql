SELECT 
    CAST(strftime('%H', created_at) AS INTEGER) as hour,
    COUNT(*) as request_count,
    COUNT(DISTINCT device_id) as active_devices
FROM kb_chat_logs
WHERE created_at >= datetime('now', '-7 days')
GROUP BY CAST(strftime('%H', created_at) AS INTEGER)
ORDER BY hour
