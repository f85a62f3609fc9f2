-- Row A88 without its blind spot: queries without a device are a group of their
-- own. Window: the last hour; the document's limit is 1000.
SELECT
    coalesce(device_id, '(no identity)') AS device_id,
    sum(n) AS query_count,
    CASE WHEN sum(n) > 1000 THEN 'yes' ELSE 'no' END AS above_1000,
    max(created_at) AS last_seen
FROM kb_query_logs
WHERE created_at >= $AGO(1 hour) AND created_at <= $NOW
GROUP BY 1
ORDER BY query_count DESC, device_id
