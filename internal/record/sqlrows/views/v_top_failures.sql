-- Rows A69 and A86: who fails most, at most ten clients. The script counts lines with the
-- word "failed" over the life of a file, paths among them (F32, F36). These are typed
-- failures that counted: proofs, logins and refusals for a limit, a rule or an access list,
-- by client key, without those on the allow list, shadow, what the gateway provoked, and
-- what a decision refuses anyway. Window: the last hour, and its last 5 minutes.
WITH failures AS (
    SELECT client, ip_address, created_at, n, flags, reason FROM kb_connection_logs
    WHERE created_at >= $AGO(1 hour) AND created_at <= $NOW AND status = 'failed'
    UNION ALL
    SELECT client, ip_address, created_at, n, flags, reason FROM kb_chat_logs
    WHERE created_at >= $AGO(1 hour) AND created_at <= $NOW AND status = 'failed'
    UNION ALL
    SELECT client, ip_address, created_at, n, flags, reason FROM events
    WHERE created_at >= $AGO(1 hour) AND created_at <= $NOW AND status = 'failed' AND kind <> 'close'
),
top AS (
    SELECT
        coalesce(client, ip_address) AS client,
        sum(CASE WHEN created_at >= $AGO(5 minute) THEN n ELSE 0 END) AS failed_5_minutes,
        sum(n) AS failed_hour,
        max(created_at) AS last_failure
    FROM failures
    WHERE coalesce(client, ip_address) IS NOT NULL
        AND coalesce(flags, 0) & 28 = 0
        AND reason IN ('hmac_failed', 'unauthorized', 'rate_limit', 'auth_missing', 'no_key', 'identity_mismatch', 'replay',
            'timestamp', 'handshake', 'flood', 'malformed', 'encoding', 'duplicate_key', 'oversize', 'early_overflow',
            'login', 'connection_limit', 'access', 'waf', 'unknown_host', 'proxy_header')
    GROUP BY 1
    ORDER BY failed_5_minutes DESC, failed_hour DESC, 1
    LIMIT 10
)
SELECT client, failed_5_minutes, failed_hour, last_failure FROM top
ORDER BY failed_5_minutes DESC, failed_hour DESC, client
