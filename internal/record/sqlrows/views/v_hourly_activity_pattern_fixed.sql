-- The document's hours are the server's and leave out hours without traffic (F21,
-- F22). These are all 24 hours of the configured zone, its changes of clocks
-- included; requests without a device are a number of their own. Window: the last
-- 7 times 24 hours, added up by hour of the day.
WITH RECURSIVE hours(hour) AS (SELECT 0 UNION ALL SELECT hour + 1 FROM hours WHERE hour < 23),
here AS (
    SELECT (l.ns $DIV 1000000000 + z.seconds) $DIV 3600 % 24 AS hour, l.n, l.device_id
    FROM kb_chat_logs l
    JOIN zone_offsets z ON l.ns $DIV 1000000000 >= z.from_unix AND l.ns $DIV 1000000000 < z.until_unix
    WHERE l.created_at >= $AGO(7 day) AND l.created_at <= $NOW
)
SELECT
    hours.hour,
    coalesce(sum(here.n), 0) AS request_count,
    count(DISTINCT here.device_id) AS active_devices,
    coalesce(sum(CASE WHEN here.device_id IS NULL THEN here.n END), 0) AS without_device
FROM hours LEFT JOIN here ON here.hour = hours.hour
GROUP BY hours.hour
ORDER BY hours.hour
