SELECT 
    ip_address,
    COUNT(*) as attempt_count,
    SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END) as success_count,
    SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) as failed_count,
    MIN(created_at) as first_seen,
    MAX(created_at) as last_seen
FROM kb_connection_logs
WHERE created_at >= NOW() - INTERVAL 1 DAY
GROUP BY ip_address
HAVING failed_count > 5
ORDER BY failed_count DESC
