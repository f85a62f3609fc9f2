-- The document's hours are the server's and leave out hours without traffic (F21,
-- F22). These are all 24 hours of the configured zone, its changes of clocks
-- included; requests without a device are a number of their own. Window: the last
-- 7 times 24 hours, added up by hour of the day.
WITH RECURSIVE hours(hour) AS (SELECT 0 UNION ALL SELECT hour + 1 FROM hours WHERE hour < 23),
local AS (
    SELECT (l.ns / 1000000000 + z.seconds) / 3600 % 24 AS hour, l.n, l.device_id
    FROM kb_chat_logs l
    JOIN zone_offsets z ON l.ns / 1000000000 >= z.from_unix AND l.ns / 1000000000 < z.until_unix
    WHERE l.created_at >= datetime($NOW, '-7 days') AND l.created_at <= datetime($NOW)
)
SELECT
    hours.hour,
    coalesce(sum(local.n), 0) AS request_count,
    count(DISTINCT local.device_id) AS active_devices,
    coalesce(sum(CASE WHEN local.device_id IS NULL THEN local.n END), 0) AS without_device
FROM hours LEFT JOIN local ON local.hour = hours.hour
GROUP BY hours.hour
ORDER BY hours.hour
