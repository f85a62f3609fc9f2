-- 일일 보안 리포트
CREATE VIEW v_daily_security_report AS
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
ORDER BY failed_requests DESC, total_requests DESC;

-- 시간대별 활동 패턴
CREATE VIEW v_hourly_activity_pattern AS
SELECT 
    HOUR(created_at) as hour,
    COUNT(*) as request_count,
    COUNT(DISTINCT device_id) as active_devices
FROM kb_chat_logs
WHERE created_at >= NOW() - INTERVAL 7 DAY
GROUP BY HOUR(created_at)
ORDER BY hour;

-- IP별 접속 시도
CREATE VIEW v_ip_connection_attempts AS
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
ORDER BY failed_count DESC;
-- 비정상 대량 조회 확인
SELECT device_id, COUNT(*) as query_count
FROM kb_query_logs
WHERE created_at >= NOW() - INTERVAL 1 HOUR
GROUP BY device_id
HAVING query_count > 1000;

-- 즉시 차단
UPDATE kb_bot_devices 
SET status = 'blocked', 
    blocked_reason = 'Suspicious activity',
    blocked_at = NOW()
WHERE device_id IN (/* 의심 device_id 목록 */);
