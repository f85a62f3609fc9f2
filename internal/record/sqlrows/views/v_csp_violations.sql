-- What browsers said of the content security policies, most often first. Equal reports
-- within a minute are one. Window: the last seven days. Anybody can write a report.
SELECT
    l.service,
    l.host,
    l.path,
    substr(l.rule, 5) AS directive,
    l.text AS what,
    CASE WHEN coalesce(l.flags, 0) & 16 <> 0 THEN 'reported' ELSE 'blocked' END AS mode,
    sum(l.n) AS reports,
    max(l.created_at) AS last_seen
FROM events l
WHERE l.kind = 'system' AND l.reason = 'csp_violation'
    AND l.created_at >= $AGO(7 day) AND l.created_at <= $NOW
GROUP BY l.service, l.host, l.path, l.rule, l.text, mode
ORDER BY reports DESC, last_seen DESC, l.service, l.host, l.path, directive, what
